"""Records golden/policy_entropy.json: what TRL's GRPOTrainer computes with an entropy mask, with an entropy bonus and
its adaptive coefficient, and from several rewards normalised apart.

    python golden/policy_entropy.py        (trl 1.16.0, transformers 5.23, torch 2.11)

Made as golden/grpo.py makes them, with its rows; all in float64.

rows:       as in grpo.json, with the entropy of each token
cases:      options, loss, grad (∂loss/∂logp), entropy_grad (∂loss/∂entropy), policy_loss where there is a bonus
adaptive:   options, and for a run of steps: entropies, loss, policy_loss, entropy_coef
advantages: weights, prompts, rewards [function][answer] (null: the function returned None), advantages
"""
import json, os, random

import grpo
import torch

LENGTHS = grpo.LENGTHS
MASK = torch.tensor([[1 if t < n else 0 for t in range(grpo.LONGEST)] for n in LENGTHS])


def step(rows, entropy, made):
    cut = {k: grpo.padded(rows[k], LENGTHS) for k in ("logp", "old_logp", "ref_logp")}
    leaf, entropies = cut["logp"].requires_grad_(), grpo.padded(entropy, LENGTHS).requires_grad_()
    made._get_per_token_logps_and_entropies = lambda *_, **__: (leaf, entropies, None)
    made._metrics["train"].clear()
    made.current_gradient_accumulation_steps = 1
    ids = torch.full((len(LENGTHS), grpo.LONGEST), 2)
    loss = made.compute_loss(made.model, {
        "prompt_ids": ids[:, :2], "prompt_mask": torch.ones(len(LENGTHS), 2, dtype=torch.long), "completion_ids": ids,
        "completion_mask": MASK, "advantages": torch.tensor(rows["advantages"]),
        "old_per_token_logps": cut["old_logp"], "ref_per_token_logps": cut["ref_logp"],
        "num_items_in_batch": torch.tensor(sum(LENGTHS))})
    loss.backward()
    slope = torch.zeros_like(entropies) if entropies.grad is None else entropies.grad
    metrics = {k: v[0] for k, v in made._metrics["train"].items() if k in ("policy_loss", "entropy_coef")}
    return {"loss": loss.item(), "grad": leaf.grad[MASK.bool()].tolist(),
            "entropy_grad": slope[MASK.bool()].tolist(), **metrics}


def cases(rows):
    masks = [{}, {"top_entropy_quantile": 0.5}, {"top_entropy_quantile": 0.2}, {"top_entropy_quantile": 0.0}]
    bonuses = [{}, {"entropy_coef": 0.01}, {"entropy_coef": -0.02}]
    kinds = [{}, {"loss_type": "grpo", "beta": 0.04}, {"loss_type": "dr_grpo"}, {"loss_type": "cispo", "epsilon_high": 1.3}]
    recorded = []
    for options in ({**kind, **mask, **bonus} for kind in kinds for mask in masks for bonus in bonuses if mask or bonus):
        recorded.append({"options": options, **step(rows, rows["entropy"], grpo.trainer(len(LENGTHS), **options))})
    return recorded


def adaptive(rows):
    options = {"use_adaptive_entropy": True, "entropy_coef": 0.01, "entropy_coef_max": 0.018, "entropy_target": 0.5}
    made = grpo.trainer(len(LENGTHS), **options)
    steps = []
    for scale in (1.0, 0.2, 0.1, 0.1, 0.3, 2.0, 1.0, 0.1):
        entropies = [scale * e for e in rows["entropy"]]
        taken = step(rows, entropies, made)
        steps.append({"entropies": entropies, **{k: taken[k] for k in ("loss", "policy_loss", "entropy_coef")}})
    return {"options": options, "steps": steps}


def advantages():
    format_reward = [1, 0, 0, 1, 0.2, 0.2, 0.2, 0.2, 0.5, None, 0.25, 1, None, None, 1, 0]
    exact_reward = [1, 1, 0, 0, 1, 0, 0, 0, None, None, 1, 0, None, 0.5, 1, 1]
    recorded = []
    for weights in ([1.0, 1.0], [1.0, 0.25]):
        for first, last in ((0, 16), (0, 4), (4, 8), (8, 16)):
            chosen = [format_reward[first:last], exact_reward[first:last]]
            made = grpo.trainer(last - first, reward=[lambda completions, values=values, **_: values for values in chosen],
                                reward_weights=weights, multi_objective_aggregation="normalize_then_sum")
            made.num_generations = 4
            made._generate = lambda prompts: ([[2, 3]] * len(prompts), [[4, 1]] * len(prompts), None,
                                              ["w4"] * len(prompts), None, {}, None, None)
            out = made._generate_and_score_completions([{"prompt": "w2 w3"}] * (last - first))
            exact = [[None if r is None else torch.tensor(r, dtype=torch.float32).item() for r in some] for some in chosen]
            recorded.append({"weights": weights, "prompts": (last - first) // 4, "rewards": exact,
                             "advantages": out["advantages"].tolist()})
    return recorded


def main():
    draw = random.Random(11)
    rows = {**grpo.random_rows(), "entropy": [draw.uniform(0.01, 2.5) for _ in range(sum(LENGTHS))]}
    with open(os.path.join(grpo.HERE, "policy_entropy.json"), "w") as file:
        json.dump({"rows": rows, "cases": cases(rows), "adaptive": adaptive(rows), "advantages": advantages()}, file)
        file.write("\n")


main()
