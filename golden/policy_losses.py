"""Records golden/policy_losses.json: what TRL's GRPOTrainer computes for the loss types that golden/grpo.py leaves
out, and what its RLOOTrainer computes, both from given log-probs and rewards.

    python golden/policy_losses.py        (trl 1.16.0, transformers 5.23, torch 2.11)

Made as golden/grpo.py makes them, with its rows; all in float64.

rows:       as in grpo.json
cases:      options of grpo, loss, grad, metrics
rloo:       options of rloo, loss, grad, metrics of its `_compute_loss`; the answer of no tokens is left out, as TRL
            charges it a loss that no log-prob can change
advantages: options of rloo, prompts, rewards (null: every reward function returned None), log_ratios (Σ_t log π -
            log π_ref of each answer), advantages
"""
import json, os, random

import grpo
import torch
from datasets import Dataset
from trl import RLOOConfig, RLOOTrainer


def grpo_cases(rows):
    tokens = sum(rows["lengths"])
    made = grpo.trainer
    kinds = [{"loss_type": "cispo", "epsilon_high": 1.3}, {"loss_type": "sapo"},
             {"loss_type": "sapo", "sapo_temperature_pos": 2.0, "sapo_temperature_neg": 3.0}, {"loss_type": "luspo"},
             {"loss_type": "luspo", "epsilon": 0.1, "epsilon_high": 0.28, "delta": 1.5}, {"loss_type": "vespo"},
             {"loss_type": "vespo", "vespo_k_pos": 1.0, "vespo_lambda_pos": 2.0, "vespo_k_neg": 2.0,
              "vespo_lambda_neg": 1.0}]
    options = [{**kind, "importance_sampling_level": level, **kl} for kind in kinds for level in ("token", "sequence")
               for kl in ({}, {"beta": 0.04}) if not (level == "sequence" and kind["loss_type"] == "vespo")]
    options += [{"loss_type": kind, "off_policy_mask_threshold": threshold} for kind in ("dapo", "sapo", "vespo")
                for threshold in (0.02, 0.2)]
    cases = []
    for choice in options:
        trainer = made(len(rows["lengths"]), **choice)
        trainer.current_gradient_accumulation_steps = 1
        loss, grad, _ = grpo.step(rows, 0, len(rows["lengths"]), trainer, tokens)
        wanted = ("kl", "clip_ratio/low_mean", "clip_ratio/high_mean", "cispo_clip_ratio", "vespo/phi_seq_mean")
        metrics = {k: v[0] for k, v in trainer._metrics["train"].items() if k in wanted}
        cases.append({"options": choice, "loss": loss, "grad": grad, "metrics": metrics})
    return cases


def rloo_trainer(answers, generations, reward=lambda completions, **_: [0.0] * len(completions), **options):
    args = RLOOConfig(output_dir=grpo.tempfile.mkdtemp(), per_device_train_batch_size=answers,
                      num_generations=generations, report_to="none", bf16=False, use_cpu=True,
                      gradient_checkpointing=False, max_completion_length=grpo.LONGEST, disable_tqdm=True, **options)
    made = RLOOTrainer(model=grpo.tiny(), reward_funcs=reward, args=args, processing_class=grpo.TOKENIZER,
                       train_dataset=Dataset.from_dict({"prompt": ["w2 w3"] * answers}))
    made.model.train()
    return made


def rloo_cases(rows):
    lengths = [n for n in rows["lengths"] if n]
    advantages = [a for a, n in zip(rows["advantages"], rows["lengths"]) if n]
    mask = torch.tensor([[1 if t < n else 0 for t in range(grpo.LONGEST)] for n in lengths])
    cases = []
    for choice in ({}, {"epsilon": 0.1, "epsilon_high": 0.6}, {"epsilon": 0.9}):
        made = rloo_trainer(len(lengths), len(lengths), beta=0.0, **choice)
        leaf = grpo.padded(rows["logp"], lengths).requires_grad_()
        made._get_per_token_logps_and_entropies = lambda *_, **__: (leaf, torch.zeros_like(leaf).detach(), None)
        ids = torch.full((len(lengths), grpo.LONGEST), 2)
        loss = made.compute_loss(made.model, {
            "prompt_ids": ids[:, :2], "prompt_mask": torch.ones(len(lengths), 2, dtype=torch.long),
            "completion_ids": ids, "completion_mask": mask, "advantages": torch.tensor(advantages),
            "old_logps": (grpo.padded(rows["old_logp"], lengths) * mask).sum(1)})
        loss.backward()
        metrics = {k: v[0] for k, v in made._metrics["train"].items() if k.startswith("clip_ratio")}
        cases.append({"options": {**choice, "beta": 0.0}, "loss": loss.item(), "grad": leaf.grad[mask.bool()].tolist(),
                      "metrics": metrics})
    return cases


def rloo_advantages():
    draw = random.Random(5)
    groups = [[1, 0, 0, 0], [1, 0, 0, 1], [0.3, 0.3, 0.3, 0.3], [0.7, None, 0.2, 0.4], [None, None, 0.6, None],
              [None] * 4, [1.6, -0.2, 0.05, 0.9]]
    recorded = []
    for options in ({"beta": 0.0}, {}, {"beta": 0.2, "reward_clip_range": [0.0, 1.0]},
                    {"beta": 0.0, "normalize_advantages": True}, {"normalize_advantages": True}):
        for chosen in (groups, groups[:1], groups[3:5]):
            flat = [r for group in chosen for r in group]
            made = rloo_trainer(len(flat), 4, reward=lambda completions, **_: flat, **options)
            ids = [[4] * draw.randint(1, 4) + [1] for _ in flat]
            made._generate = lambda prompts: ([[2, 3]] * len(prompts), ids, ["w4"] * len(prompts))
            widest, seen = max(map(len, ids)), []

            def logps(model, prompt_completion_ids, attention_mask, logits_to_keep, *_, **__):
                values = torch.tensor([[-draw.uniform(0.1, 3) for _ in range(logits_to_keep)] for _ in flat])
                seen.append(values)
                return values, None, None

            made._get_per_token_logps_and_entropies = logps
            out = made._generate_and_score_completions([{"prompt": "w2 w3"}] * len(flat))
            mask = torch.zeros(len(flat), seen[0].shape[1])
            for row, some in enumerate(ids):
                mask[row, :len(some)] = 1
            ratios = ((seen[0] - seen[1]) * mask).sum(1).tolist() if len(seen) > 1 else []
            exact = [None if r is None else torch.tensor(r, dtype=torch.float32).item() for r in flat]
            recorded.append({"options": options, "prompts": len(chosen), "rewards": exact, "log_ratios": ratios,
                             "advantages": out["advantages"].tolist()})
    return recorded


def main():
    rows = grpo.random_rows()
    with open(os.path.join(grpo.HERE, "policy_losses.json"), "w") as file:
        json.dump({"rows": rows, "cases": grpo_cases(rows), "rloo": rloo_cases(rows),
                   "advantages": rloo_advantages()}, file)
        file.write("\n")


main()
