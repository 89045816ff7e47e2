"""Records golden/online_dpo.json: what TRL's OnlineDPOTrainer makes of two answers a prompt.

    python golden/online_dpo.py        (trl 1.16.0, transformers 5.23, torch 2.11)

OnlineDPOTrainer.training_step runs whole, with stand-ins for what it generates, for its two models and for its reward
function. In float64.

answers: tokens, ended (an end token was sampled), scores, logp and ref_logp of each token; the first half holds the
         first answers to the prompts, the second half the second ones
cases:   options, loss, grad = ∂loss/∂logp in the order of the answers, stats as the trainer logs them
"""
import json, os, random
from collections import defaultdict
from types import SimpleNamespace

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
import torch
from trl.experimental.online_dpo import OnlineDPOTrainer

torch.set_default_dtype(torch.float64)
EOS = 9
TOKENS = [5, 1, 3, 4, 3, 6, 2, 4]
ENDED = [True, True, False, True, True, False, True, False]
SCORES = [1.0, 0.25, 0.5, -0.3, 0.0, 0.75, 0.4, 0.2]


def padded(flat):
    longest = max(TOKENS)
    rows, at = torch.zeros(len(TOKENS), longest), 0
    for i, n in enumerate(TOKENS):
        rows[i, :n] = torch.tensor(flat[at:at + n])
        at += n
    return rows


class Model(torch.nn.Module):
    def __init__(self, logp):
        super().__init__()
        self.logp = logp


def case(answers, **options):
    mask = padded([1.0] * sum(TOKENS)) > 0
    leaf = padded(answers["logp"]).requires_grad_()
    ids = torch.where(mask, 3, 0)
    for row, (n, ended) in enumerate(zip(TOKENS, ENDED)):
        if ended:
            ids[row, n - 1] = EOS
    o = {"beta": 0.1, "loss_type": "sigmoid", "missing_eos_penalty": None, **options}
    policy, reference = Model(leaf), Model(padded(answers["ref_logp"]))
    prompts = torch.ones((len(TOKENS), 1), dtype=torch.long)
    made = SimpleNamespace(
        args=SimpleNamespace(use_vllm=False, missing_eos_penalty=o["missing_eos_penalty"], loss_type=o["loss_type"],
                             torch_empty_cache_steps=None, optim="adamw_torch", n_gpu=1,
                             gradient_accumulation_steps=1),
        beta=o["beta"], ref_model=reference, eos_token_ids=[EOS], reward_funcs=["scores"], stats=defaultdict(list),
        processing_class=SimpleNamespace(batch_decode=lambda ids, **_: [""] * len(ids)),
        accelerator=SimpleNamespace(gather_for_metrics=lambda x: x, backward=lambda loss, **_: loss.backward()),
        _generate=lambda *_: (prompts, prompts, ids, mask.long(), None),
        _forward=lambda model, *_: model.logp,
        _calculate_rewards_from_functions=lambda **_: torch.tensor(SCORES))
    loss = OnlineDPOTrainer.training_step(made, policy, {"prompt": ["say"] * (len(TOKENS) // 2)})
    return {"options": options, "loss": loss.item(), "grad": leaf.grad[mask].tolist(),
            "stats": {k: v[0] for k, v in made.stats.items()}}


def main():
    draw = random.Random(31)
    logp = [-draw.uniform(0.05, 4) for _ in range(sum(TOKENS))]
    answers = {"tokens": TOKENS, "ended": ENDED, "scores": SCORES, "logp": logp,
               "ref_logp": [min(x + draw.gauss(0, 0.6), -0.01) for x in logp]}
    cases = [case(answers, **options)
             for options in ({}, {"beta": 0.5}, {"loss_type": "ipo"}, {"loss_type": "ipo", "beta": 0.4},
                             {"missing_eos_penalty": 0.6})]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "online_dpo.json"), "w") as file:
        json.dump({"answers": answers, "cases": cases}, file)
        file.write("\n")
    print([one["loss"] for one in cases], cases[0]["stats"])


main()
