"""Records golden/adamw_8bit.json: bitsandbytes' dynamic data type, signed and unsigned, and numbers quantised to its
nearest entries in blocks of 256, as bitsandbytes' 8-bit optimizers do on a GPU. (Its CPU function quantize_blockwise
takes a coarser way: zero becomes 2.9e-6. So the nearest entry is looked for here.)

    python golden/adamw_8bit.py        (bitsandbytes 0.50.2, torch 2.11)

signed, unsigned: {map [256], values [600], codes [600], scales [3]}
"""
import json, os

import torch
from bitsandbytes.functional import create_dynamic_map

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    torch.manual_seed(5)
    out = {}
    for name, signed in (("signed", True), ("unsigned", False)):
        code = create_dynamic_map(signed=signed)
        values = torch.randn(600) * 10 ** torch.empty(600).uniform_(-6, 1)
        if not signed:
            values = values.abs()
        values[7] = 0
        codes, scales = [], []
        for block in values.split(256):
            scales.append(block.abs().max())
            codes += ((block / scales[-1])[:, None] - code).abs().argmin(1).tolist()
        out[name] = {"map": code.tolist(), "values": values.tolist(), "codes": codes,
                     "scales": torch.stack(scales).tolist()}
    with open(os.path.join(HERE, "adamw_8bit.json"), "w") as file:
        json.dump(out, file)
        file.write("\n")


main()
