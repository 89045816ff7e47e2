"""Records golden/kto.json and golden/kto.safetensors: what TRL's KTOTrainer computes.

    python golden/kto.py        (trl 1.16.0, transformers 5.23, torch 2.11; needs golden/tiny/llama, llama_bias)

Losses come from KTOTrainer._compute_loss over given per-token log-probs, with a stand-in for the model that returns a
leaf and the reference's sums in the batch. The step is a real KTOTrainer.train() at learning rate 0 on the tiny Llama,
with another tiny model as reference. All in float64.

kto.json:        answers: their tokens, logp, ref_logp, and the sums of the mismatched ones
                 cases: options, labels, far (the mismatched answers' sums are the policy's less 4), loss,
                 grad = ∂loss/∂logp, metrics
                 step: rows of tokens (mismatched: the completion that stands behind the prompt), loss, metrics
kto.safetensors: ∂loss/∂parameter of the step by name
"""
import random

import torch
from dpo import PROMPT, Double, Spoken, Stub, in_double, keep_double, placed, step, words, write
from trl import KTOConfig, KTOTrainer
from trl.kernels import chunked_logprob

TOKENS = [5, 1, 3, 4, 7, 2]
MIXED = [True, False, True, True, False, True]


class Mismatched(Spoken):
    """Speaks of the mismatched answers, one token each, where the input is ones."""

    def __init__(self, log_probs, mismatched):
        super().__init__(log_probs)
        self.other = Spoken(mismatched[:, None]).answer

    def forward(self, input_ids, **_):
        return self.other if input_ids[0, 0] == 1 else self.answer


def kto(answers, labels, far, **options):
    completion = torch.tensor([[int(PROMPT <= t < PROMPT + n) for t in range(PROMPT + max(TOKENS))] for n in TOKENS])
    mask = completion[:, 1:].bool()
    leaf = placed(answers["logp"], mask, torch.float64).requires_grad_()
    reference = placed(answers["ref_logp"], mask, torch.float64).sum(-1)
    model = Mismatched(leaf, torch.tensor(answers["mismatched"]) - (4 if far else 0))
    o = {"loss_type": "kto", "beta": 0.1, "desirable_weight": 1.0, "undesirable_weight": 1.0, **options}
    made = Stub(model=model, calculate_KL=o["loss_type"] == "kto", **o)
    made.precompute_ref_logps = True
    made._compute_kl_logps = lambda *given: KTOTrainer._compute_kl_logps(made, *given)
    ones = torch.ones((len(TOKENS), 2), dtype=torch.long)
    loss = KTOTrainer._compute_loss(made, model, {
        "input_ids": torch.zeros(completion.shape, dtype=torch.long), "attention_mask": torch.ones_like(completion),
        "completion_mask": completion, "KL_input_ids": ones, "KL_attention_mask": ones,
        "KL_completion_mask": torch.tensor([[0, 1]] * len(TOKENS)), "label": torch.tensor(labels),
        "ref_logps": reference, "ref_KL_logps": torch.tensor(answers["ref_mismatched"])}, False)
    loss.backward()
    metrics = {k: v[0] for k, v in made._metrics["train"].items() if k.startswith(("rewards/", "logps/"))}
    if made.calculate_KL:
        metrics["kl"] = made._metrics["train"]["kl"][0]
    return {"options": options, "labels": labels, "far": far, "loss": loss.item(), "grad": leaf.grad[mask].tolist(),
            "metrics": metrics}


def random_answers():
    draw = random.Random(21)
    logp = [-draw.uniform(0.05, 4) for _ in range(sum(TOKENS))]
    mismatched = [-draw.uniform(5, 25) for _ in TOKENS]
    return {"tokens": TOKENS, "logp": logp, "ref_logp": [min(x + draw.gauss(0, 0.6), -0.01) for x in logp],
            "mismatched": mismatched, "ref_mismatched": [x - draw.gauss(1, 1.5) for x in mismatched]}


def cases(answers):
    weights = {"desirable_weight": 1.5, "undesirable_weight": 0.7}
    out = [kto(answers, MIXED, far, loss_type=name, **more)
           for name in ("kto", "apo_zero_unpaired") for more in ({}, {"beta": 0.5}, weights) for far in (False, True)]
    return out + [kto(answers, [side] * len(TOKENS), False, loss_type=name)
                  for name in ("kto", "apo_zero_unpaired") for side in (True, False)]


def kto_step():
    draw = random.Random(6)
    rows = [{"prompt": words(draw, a).strip(), "completion": words(draw, b), "label": label}
            for a, b, label in ((4, 9, True), (2, 1, False), (6, 3, True), (1, 8, True), (3, 6, False))]
    columns = {"prompt": "prompt_ids", "completion": "completion_ids", "mismatched": "KL_completion_ids",
               "label": "label"}
    return step(KTOTrainer, KTOConfig, rows, columns, ("entropy", "kl"))


def main():
    keep_double()
    chunked_logprob.torch = Double()
    answers = random_answers()
    recorded = cases(answers)
    recorded_step, found = in_double(kto_step)
    write("kto", {"answers": answers, "cases": recorded, "step": recorded_step}, found)
    print(len(recorded), recorded_step["loss"], recorded_step["metrics"])


main()
