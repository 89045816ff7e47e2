"""Records golden/sft_smoothing.json and .safetensors: the step of golden/sft.py with label smoothing.

    python golden/sft_smoothing.py        (as golden/sft.py; needs golden/sft.json)

TRL's SFTTrainer hands the logits to transformers' LabelSmoother, which divides by the tokens of the whole step.

sft_smoothing.json:        label_smoothing_factor, and the loss of the step over the rows of sft.json
sft_smoothing.safetensors: ∂loss/∂parameter by name
"""
import json, os

import transformers.trainer_pt_utils
from safetensors.torch import save_file
from trl import SFTTrainer

from sft import HERE, Double, keep_double, keep_head_double, record, rows

FACTOR = 0.2


class Summing(SFTTrainer):
    def compute_loss(self, *args, **kwargs):
        loss = super().compute_loss(*args, **kwargs)
        self.total += loss.item()
        return loss


def main():
    keep_double()
    keep_head_double()
    transformers.trainer_pt_utils.torch = Double()  # the smoother sums in float32
    data = rows()
    with open(os.path.join(HERE, "sft.json")) as file:
        assert [r["tokens"] for r in json.load(file)["rows"]] == [r["input_ids"] for r in data]
    found = {}
    for micro_batch in (2, 6):
        step, gradients = record(data, micro_batch, Summing, label_smoothing_factor=FACTOR)
        found[micro_batch] = (step["loss"], gradients)
    worst = max((found[2][1][k] - found[6][1][k]).abs().max().item() for k in found[2][1])
    assert worst < 1e-12 and abs(found[2][0] - found[6][0]) < 1e-12, (worst, found[2][0], found[6][0])
    with open(os.path.join(HERE, "sft_smoothing.json"), "w") as file:
        json.dump({"label_smoothing_factor": FACTOR, "loss": found[6][0]}, file)
        file.write("\n")
    path = os.path.join(HERE, "sft_smoothing.safetensors")
    save_file({k: v.contiguous() for k, v in found[6][1].items()}, path)
    os.chmod(path, 0o644)
    print(found[6][0], worst)


main()
