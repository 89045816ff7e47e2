"""Records golden/xpo.json: what the last TRL that had XPO and Nash-MD computes.

    PYTHONPATH=TRL_0_29 python golden/xpo.py        (trl 0.29.1 unpacked in TRL_0_29; transformers 5.23, torch 2.11)

Losses and statistics are those of XPOTrainer and NashMDTrainer (_compute_losses, _log_statistics) over given per-token
log-probs; the mixture is GeometricMixtureWrapper over two of golden/tiny. All in float64.

answers: own and other (the reference's, the mixture's): tokens, scores, logp and ref_logp of each token
xpo:     options, loss, grad = ∂loss/∂logp of own answers, then of the others, stats
nash_md: options, probability (of the own answer to win), loss, grad of own answers, stats
mixture: prompt, cases of mixture_coef and logp [V] of the next token
"""
import json, os, random, sys
from collections import defaultdict
from types import SimpleNamespace

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
import torch
from transformers import LlamaForCausalLM
from trl.experimental.nash_md.nash_md_trainer import GeometricMixtureWrapper, NashMDTrainer
from trl.experimental.xpo.xpo_trainer import XPOTrainer

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from tiny_models import keep_double

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
TOKENS = {"own": [5, 1, 3, 4], "other": [3, 6, 2, 4]}
SCORES = {"own": [1.0, 0.25, -0.5, 0.3], "other": [0.5, 0.75, 0.0, -1.2]}
PROMPT = [5, 17, 40, 3, 88]


def padded(side, flat):
    rows, at = torch.zeros(len(TOKENS[side]), max(TOKENS[side])), 0
    for i, n in enumerate(TOKENS[side]):
        rows[i, :n] = torch.tensor(flat[at:at + n])
        at += n
    return rows


def trainer(**options):
    o = {"beta": 0.1, "alpha": 1e-5, "loss_type": "sigmoid", "mixture_coef": 0.5, **options}
    return SimpleNamespace(args=SimpleNamespace(loss_type=o["loss_type"]), beta=o["beta"], alpha=o["alpha"],
                           mixture_coef=o["mixture_coef"], reward_funcs=object(), stats=defaultdict(list),
                           processing_class=SimpleNamespace(eos_token_id=1),
                           accelerator=SimpleNamespace(gather_for_metrics=lambda x: x))


def numbers(answers, side):
    mask = padded(side, [1.0] * sum(TOKENS[side])) > 0
    leaf = padded(side, answers[side]["logp"]).requires_grad_()
    return leaf, padded(side, answers[side]["ref_logp"]), mask, {"input_ids": torch.where(mask, 3, 0)}


def xpo(answers, **options):
    made = trainer(**options)
    own, own_ref, own_mask, own_ids = numbers(answers, "own")
    other, other_ref, other_mask, other_ids = numbers(answers, "other")
    own_scores, other_scores = (torch.tensor(SCORES[side]) for side in ("own", "other"))
    chosen = own_scores >= other_scores
    loss, dpo, exploration = XPOTrainer._compute_losses(made, own, other, other_ref, own_ref, chosen)
    loss.backward()
    with torch.no_grad():
        XPOTrainer._log_statistics(made, own_ids, other_ids, own.detach(), other.detach(), other_ref, own_ref, chosen,
                                   dpo.detach(), exploration.detach(), 0, own_scores, other_scores)
    return {"options": options, "loss": loss.item(), "grad": own.grad[own_mask].tolist() + other.grad[other_mask].tolist(),
            "stats": {k: v[0] for k, v in made.stats.items()}}


def nash_md(answers, probability, **options):
    made = trainer(**options)
    own, own_ref, mask, ids = numbers(answers, "own")
    own_scores, other_scores = (torch.tensor(SCORES[side]) for side in ("own", "other"))
    p = torch.sigmoid(own_scores - other_scores) if probability is None else torch.tensor(probability)
    loss, score, kl = NashMDTrainer._compute_losses(made, own, own_ref, p)
    loss.backward()
    with torch.no_grad():
        NashMDTrainer._log_statistics(made, ids, ids, own.detach(), own_ref, p, score.detach(), kl.detach(), 0,
                                      own_scores, other_scores)
    return {"options": options, "probability": p.tolist(), "loss": loss.item(), "grad": own.grad[mask].tolist(),
            "stats": {k: v[0] for k, v in made.stats.items()}}


def mixture():
    load = lambda name: LlamaForCausalLM.from_pretrained(os.path.join(HERE, "tiny", name), dtype=torch.float64)
    policy, reference = load("llama"), load("llama_bias")
    cases = []
    for coefficient in (0.0, 0.3, 0.5, 1.0):
        mixed = GeometricMixtureWrapper(policy, reference, policy.generation_config, mixture_coef=coefficient)
        logits = mixed(input_ids=torch.tensor([PROMPT])).logits[0, -1]
        cases.append({"mixture_coef": coefficient, "logp": logits.log_softmax(-1).tolist()})
    return {"model": "tiny/llama", "reference": "tiny/llama_bias", "prompt": PROMPT, "cases": cases}


def main():
    keep_double()
    draw = random.Random(17)
    answers = {}
    for side in ("own", "other"):
        logp = [-draw.uniform(0.05, 4) for _ in range(sum(TOKENS[side]))]
        answers[side] = {"tokens": TOKENS[side], "scores": SCORES[side], "logp": logp,
                         "ref_logp": [min(x + draw.gauss(0, 0.6), -0.01) for x in logp]}
    recorded = {"answers": answers,
                "xpo": [xpo(answers, **options) for options in
                        ({}, {"alpha": 0.02}, {"alpha": 0.02, "beta": 0.5}, {"alpha": 0.01, "loss_type": "ipo"})],
                "nash_md": [nash_md(answers, probability, **options) for probability, options in
                            ((None, {}), ([1.0, 0.0, 0.5, 1.0], {}), (None, {"beta": 0.6}), (None, {"beta": 0.0}))],
                "mixture": mixture()}
    with open(os.path.join(HERE, "xpo.json"), "w") as file:
        json.dump(recorded, file)
        file.write("\n")
    print([one["loss"] for one in recorded["xpo"] + recorded["nash_md"]], recorded["nash_md"][0]["stats"])


main()
