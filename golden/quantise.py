"""Records golden/quantise.safetensors: matrices as bitsandbytes quantises them, and what it reads back.

    python golden/quantise.py        (bitsandbytes 0.50.2, torch 2.11, on the CPU)

For each case: <case>.w [rows, columns] float32; .nf4 and .nested (double quantisation) read back as float32; .nf4_bf16 as
bfloat16; .int8 by rows (LLM.int8), the weights alone. Blocks of 64 run over the ends of rows, and the last one is short.
"""
import os

import torch
from bitsandbytes import functional as bnb
from safetensors.torch import save_file

CASES = {"ragged": (19, 50), "aligned": (8, 128), "many": (72, 256)}


def read_back(w, nested):
    packed, state = bnb.quantize_4bit(w, blocksize=64, quant_type="nf4", compress_statistics=nested)
    return bnb.dequantize_4bit(packed, state)


def main():
    generator = torch.Generator().manual_seed(9)
    out = {}
    for case, shape in CASES.items():
        w = 0.05 * torch.randn(shape, generator=generator)
        w *= torch.exp(torch.randn(shape[0], 1, generator=generator))  # rows of unlike sizes
        w.view(-1)[64:128] = 0
        if case == "many":
            w = w.bfloat16().float()
        out[f"{case}.w"] = w
        out[f"{case}.nf4"] = read_back(w, False)
        out[f"{case}.nf4_bf16"] = read_back(w.bfloat16(), False) if case == "many" else read_back(w, False).bfloat16()
        out[f"{case}.nested"] = read_back(w, True)
        codes, stats, _ = torch.ops.bitsandbytes.int8_vectorwise_quant(w.clone(), 0.0)
        out[f"{case}.int8"] = torch.ops.bitsandbytes.int8_vectorwise_dequant(codes, stats)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "quantise.safetensors")
    save_file({k: v.contiguous() for k, v in out.items()}, path)
    print(sorted(out), os.path.getsize(path) // 1000, "KB")


if __name__ == "__main__":
    main()
