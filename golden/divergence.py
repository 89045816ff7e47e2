"""Records golden/divergence.json: TRL's divergence between two heads' distributions, which its DistillationTrainer
minimises, with its gradients.

    python golden/divergence.py        (trl 1.16.0, torch 2.11)

rows, width, teacher_width, vocabulary; hidden [rows, width], weight [vocabulary, width], and the teacher's
cases: beta, temperature, loss (mean over rows), d_hidden, d_weight; in float64 from numbers that are exact in float32
"""
import json, os

import torch
from trl.trainer.distillation_trainer import _chunked_divergence_loss

HERE = os.path.dirname(os.path.abspath(__file__))
ROWS, WIDTH, TEACHER_WIDTH, VOCABULARY = 6, 5, 7, 23


def main():
    torch.manual_seed(3)
    draw = {"hidden": torch.randn(ROWS, WIDTH), "weight": torch.randn(VOCABULARY, WIDTH),
            "teacher_hidden": torch.randn(ROWS, TEACHER_WIDTH), "teacher_weight": torch.randn(VOCABULARY, TEACHER_WIDTH)}
    out = {"rows": ROWS, "width": WIDTH, "teacher_width": TEACHER_WIDTH, "vocabulary": VOCABULARY,
           **{k: v.flatten().tolist() for k, v in draw.items()}, "cases": []}
    for beta in (0.0, 0.1, 0.5, 0.9, 1.0):
        for temperature in (1.0, 0.9, 2.0):
            exact = {k: v.double() for k, v in draw.items()}
            hidden, weight = exact["hidden"].requires_grad_(), exact["weight"].requires_grad_()
            loss, _, count = _chunked_divergence_loss(
                hidden[None], exact["teacher_hidden"][None], weight, exact["teacher_weight"],
                torch.ones(1, ROWS, dtype=torch.long), beta, temperature=temperature)
            assert count == ROWS
            loss.backward()
            out["cases"].append({"beta": beta, "temperature": temperature, "loss": loss.item(),
                                 "d_hidden": hidden.grad.flatten().tolist(), "d_weight": weight.grad.flatten().tolist()})
    with open(os.path.join(HERE, "divergence.json"), "w") as file:
        json.dump(out, file)
        file.write("\n")


main()
