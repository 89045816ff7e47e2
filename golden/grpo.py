"""Records golden/grpo.json: what TRL's GRPOTrainer computes from given log-probs, and from given rewards.

    python golden/grpo.py        (trl 1.16.0, transformers 5.23, torch 2.11)

A real GRPOTrainer is built for every combination of options; the function that reads log-probs from the model is
replaced by one that returns a leaf, so that `loss` and `grad` (∂loss/∂logp, in the order of the tokens) come from
TRL's own `_compute_loss`. All in float64.

rows:        lengths of the answers (one is empty), logp, old_logp, ref_logp of their tokens, advantages of the answers
cases:       one optimizer step of one micro-batch: options, loss, grad, metrics
accumulated: the same rows as two micro-batches of `split` answers each, summed over both
advantages:  options, prompts, rewards (null: every reward function returned None), advantages
"""
import json, os, random, tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from datasets import Dataset
from tokenizers import Tokenizer, models
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
VOCABULARY = {"<pad>": 0, "</s>": 1, **{f"w{i}": i for i in range(2, 32)}}
TOKENIZER = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(VOCABULARY, unk_token="<pad>")),
                                    pad_token="<pad>", eos_token="</s>")
LONGEST = 6
LENGTHS = [5, 1, 3, 0, 4, 2]


def tiny():
    """TRL reads the reference from the folder that the model came from."""
    folder = tempfile.mkdtemp()
    LlamaForCausalLM(LlamaConfig(vocab_size=32, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                                 num_attention_heads=1, num_key_value_heads=1, pad_token_id=0, eos_token_id=1,
                                 bos_token_id=1)).save_pretrained(folder)
    return LlamaForCausalLM.from_pretrained(folder)


def trainer(answers, reward=lambda completions, **_: [0.0] * len(completions), **options):
    args = GRPOConfig(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=answers, num_generations=2,
                      report_to="none", bf16=False, use_cpu=True, gradient_checkpointing=False,
                      max_completion_length=LONGEST, disable_tqdm=True, **options)
    made = GRPOTrainer(model=tiny(), reward_funcs=reward, args=args, processing_class=TOKENIZER,
                       train_dataset=Dataset.from_dict({"prompt": ["w2 w3"] * answers}))
    made.model.train()
    return made


def padded(flat, lengths):
    out, at = torch.zeros(len(lengths), LONGEST), 0
    for row, n in enumerate(lengths):
        out[row, :n] = torch.tensor(flat[at:at + n])
        at += n
    return out


def step(rows, begin, end, made, whole_tokens):
    """Loss, gradient and metrics of the answers begin … end as one micro-batch."""
    lengths = rows["lengths"][begin:end]
    first = sum(rows["lengths"][:begin])
    cut = {k: padded(rows[k][first:first + sum(lengths)], lengths) for k in ("logp", "old_logp", "ref_logp")}
    mask = torch.tensor([[1 if t < n else 0 for t in range(LONGEST)] for n in lengths])
    leaf = cut["logp"].requires_grad_()
    made._get_per_token_logps_and_entropies = lambda *_, **__: (leaf, torch.zeros_like(leaf).detach(), None)
    made._metrics["train"].clear()
    ids = torch.full((len(lengths), LONGEST), 2)
    loss = made.compute_loss(made.model, {
        "prompt_ids": ids[:, :2], "prompt_mask": torch.ones(len(lengths), 2, dtype=torch.long), "completion_ids": ids,
        "completion_mask": mask, "advantages": torch.tensor(rows["advantages"][begin:end]),
        "old_per_token_logps": cut["old_logp"], "ref_per_token_logps": cut["ref_logp"],
        "num_items_in_batch": torch.tensor(whole_tokens)})
    loss.backward()
    wanted = ("kl", "clip_ratio/low_mean", "clip_ratio/low_min", "clip_ratio/high_mean", "clip_ratio/high_max",
              "clip_ratio/region_mean")
    metrics = {k: v[0] for k, v in made._metrics["train"].items() if k in wanted}
    return loss.item(), leaf.grad[mask.bool()].tolist(), metrics


def random_rows():
    draw = random.Random(9)
    n = sum(LENGTHS)
    old = [-draw.uniform(0.05, 4) for _ in range(n)]
    new = [min(x + draw.gauss(0, 0.5), -0.01) for x in old]
    ref = [min(x + draw.gauss(0, 0.3), -0.01) for x in new]
    return {"lengths": LENGTHS, "logp": new, "old_logp": old, "ref_logp": ref,
            "advantages": [1.25, -0.75, 0.5, -1.0, -0.5, 0.0], "max_completion_length": LONGEST}


def main():
    rows = random_rows()
    tokens = sum(LENGTHS)
    bounds = [{}, {"epsilon": 0.1, "epsilon_high": 0.28}, {"epsilon_high": 0.28, "delta": 1.5}]
    kls = [{}, {"beta": 0.04}, {"beta": 0.04, "use_bias_correction_kl": False}]
    cases, accumulated = [], []
    for loss_type in ("dapo", "grpo", "bnpo", "dr_grpo"):
        for level in ("token", "sequence"):
            for bound in bounds:
                for kl in kls:
                    options = {"loss_type": loss_type, "importance_sampling_level": level, **bound, **kl}
                    made = trainer(len(LENGTHS), **options)
                    made.current_gradient_accumulation_steps = 1
                    loss, grad, metrics = step(rows, 0, len(LENGTHS), made, tokens)
                    cases.append({"options": options, "loss": loss, "grad": grad, "metrics": metrics})
        options = {"loss_type": loss_type, "beta": 0.04}
        half = len(LENGTHS) // 2 + 1
        made = trainer(half, gradient_accumulation_steps=2, num_generations_eval=2, **options)
        made.current_gradient_accumulation_steps = 2
        parts = [step(rows, 0, half - 1, made, tokens), step(rows, half - 1, len(LENGTHS), made, tokens)]
        accumulated.append({"options": options, "split": half - 1, "loss": sum(p[0] for p in parts),
                            "grad": sum((p[1] for p in parts), [])})

    groups = [[1, 0, 0, 1], [1, 0, 0, 0], [0.3, 0.3, 0.3, 0.3], [0.7, None, 0.2, 0.4], [None, None, 0.6, None],
              [None] * 4, [1.6, -0.2, 0.05, 0.9]]
    flat = [r for group in groups for r in group]
    advantages = []
    for scale in ("group", "batch", "none"):
        for chosen in (groups, groups[:1], groups[3:5]):
            flat = [r for group in chosen for r in group]
            made = trainer(len(flat), reward=lambda completions, **_: flat, scale_rewards=scale)
            made.num_generations = 4
            made._generate = lambda prompts: ([[2, 3]] * len(prompts), [[4, 1]] * len(prompts), None,
                                              ["w4"] * len(prompts), None, {}, None, None)
            out = made._generate_and_score_completions([{"prompt": "w2 w3"}] * len(flat))
            # TRL reads rewards in float32.
            exact = [None if r is None else torch.tensor(r, dtype=torch.float32).item() for r in flat]
            advantages.append({"options": {"scale_rewards": scale}, "prompts": len(chosen), "rewards": exact,
                               "advantages": out["advantages"].tolist()})

    with open(os.path.join(HERE, "grpo.json"), "w") as file:
        json.dump({"rows": rows, "cases": cases, "accumulated": accumulated, "advantages": advantages}, file)
        file.write("\n")


if __name__ == "__main__":
    main()
