"""Records golden/bco.json: what the last TRL that had a BCOTrainer computes.

    PYTHONPATH=TRL_1_0_0 python golden/bco.py        (trl 1.0.0 unpacked in TRL_1_0_0; transformers 5.23, torch 2.11)

Losses come from BCOTrainer.bco_loss with its own RunningMoments, which goes on from batch to batch. In float64.

beta
batches: labels, logp and ref_logp of answers (sums), training (false: the running mean is read only), loss,
         grad = ∂loss/∂logp, delta
"""
import json, os, random
from types import SimpleNamespace

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
import torch
from trl.experimental.bco.bco_trainer import BCOTrainer, RunningMoments

torch.set_default_dtype(torch.float64)
torch.Tensor.float = torch.Tensor.double
BETA = 0.2


def batch(trainer, draw, labels, training):
    logp = [-draw.uniform(5, 40) for _ in labels]
    ref = [x - draw.gauss(0.5, 3) for x in logp]
    leaf, reference = torch.tensor(logp).requires_grad_(), torch.tensor(ref)
    mine, other = torch.tensor(labels), ~torch.tensor(labels)
    losses, _, _, delta = BCOTrainer.bco_loss(trainer, leaf[mine], leaf[other], reference[mine], reference[other],
                                              None, None, do_train=training)
    loss = losses.nanmean()
    loss.backward()
    return {"labels": labels, "logp": logp, "ref_logp": ref, "training": training, "loss": loss.item(),
            "grad": leaf.grad.tolist(), "delta": delta.item()}


def main():
    draw = random.Random(8)
    trainer = SimpleNamespace(beta=BETA, match_underlying_distribution=False,
                              running=RunningMoments(SimpleNamespace(use_distributed=False)))
    plan = [([True, False, True, True], True), ([False, False, True], True), ([True, False], False), ([True] * 3, True),
            ([False] * 2, True)]
    batches = [batch(trainer, draw, labels, training) for labels, training in plan]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "bco.json"), "w") as file:
        json.dump({"beta": BETA, "batches": batches}, file)
        file.write("\n")
    print([round(one["delta"], 4) for one in batches])


main()
