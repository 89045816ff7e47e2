"""Records golden/reward/: what TRL's RewardTrainer and transformers' heads compute on tiny models.

    python golden/reward.py        (trl 1.16.0, transformers 5.23, torch 2.11; needs golden/tiny/llama, qwen3)

The steps are real RewardTrainer.train() runs at learning rate 0, in float64. TRL 1.16 has no PRMTrainer: loss and
gradients of labelled steps are those of transformers' Qwen3ForTokenClassification, which it trained.

reward/sequence:   LlamaForSequenceClassification of one label, as transformers saves it
reward/token:      Qwen3ForTokenClassification of two labels
reward.json:       steps: rows of tokens (with margins), options, loss, metrics; the last has the gradients
                   scores: sequences padded to a batch, and their scores
                   prm: rows of tokens with labels (-100: none), loss, logits at the labelled tokens
reward.safetensors reward.*, prm.*: gradients by name
"""
import json, os, random, sys, tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from datasets import Dataset
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (LlamaForSequenceClassification, PreTrainedTokenizerFast, Qwen3ForTokenClassification,
                          TrainerCallback)
from trl import RewardConfig, RewardTrainer

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from tiny_models import keep_double

torch.set_num_threads(1)
SEQUENCE, TOKEN = (os.path.join(HERE, "reward", name) for name in ("sequence", "token"))


def make(kind, base, folder, labels):
    torch.manual_seed(8)
    model = kind.from_pretrained(os.path.join(HERE, "tiny", base), num_labels=labels, dtype=torch.float32)
    for name, parameter in model.named_parameters():
        if name.startswith("score"):
            torch.nn.init.normal_(parameter, std=0.5)
    model.config.pad_token_id = 0
    model.save_pretrained(folder)
    for file in os.listdir(folder):
        os.chmod(os.path.join(folder, file), 0o644)


def tokenizer():
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2, **{f"w{i}": i for i in range(3, 96)}}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="</s>")


class Gradients(TrainerCallback):
    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        self.found = {k: v.grad.clone() for k, v in model.named_parameters()}


def step(rows, **options):
    gradients = Gradients()
    args = RewardConfig(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=len(rows), max_steps=1,
                        learning_rate=0.0, max_grad_norm=0.0, report_to="none", bf16=False, use_cpu=True,
                        gradient_checkpointing=False, save_strategy="no", logging_steps=1, disable_tqdm=True, **options)
    model = LlamaForSequenceClassification.from_pretrained(SEQUENCE, dtype=torch.float64)
    trainer = RewardTrainer(model=model, args=args, train_dataset=Dataset.from_list(rows),
                            processing_class=tokenizer(), callbacks=[gradients])
    losses, kept = [], {}
    compute = trainer.compute_loss

    def watched(*given, **named):
        loss = compute(*given, **named)
        losses.append(loss.item())
        kept.update({k: v[-1] for k, v in trainer._metrics["train"].items()})  # what is logged is rounded
        return loss

    trainer.compute_loss = watched
    trainer.train()
    columns = [k for k in ("chosen_ids", "rejected_ids", "margin") if k in trainer.train_dataset.column_names]
    tokens = [{k.removesuffix("_ids"): row[k] for k in columns} for row in trainer.train_dataset]
    return {"rows": tokens, "options": options, "loss": losses[0], "metrics": kept}, gradients.found


def pairs(draw, margins):
    def words(n):
        return " " + " ".join(f"w{draw.randrange(3, 96)}" for _ in range(n))

    rows = [{"prompt": words(a).strip(), "chosen": words(b), "rejected": words(c)}
            for a, b, c in ((4, 9, 5), (2, 1, 3), (6, 3, 3), (1, 8, 10))]
    for row, margin in zip(rows, (0.0, 1.5, -0.25, 0.5)):
        if margins:
            row["margin"] = margin
    return rows


def scores(draw):
    sequences = [[draw.randrange(3, 96) for _ in range(n)] + [2] for n in (3, 12, 1, 7)]
    sequences.append([5, 9, 0, 0])  # ends in pad tokens of its own: the score is read before them
    longest = max(map(len, sequences))
    model = LlamaForSequenceClassification.from_pretrained(SEQUENCE, dtype=torch.float64).eval()
    padded = torch.tensor([s + [0] * (longest - len(s)) for s in sequences])
    with torch.no_grad():
        found = model(input_ids=padded, attention_mask=(padded != 0).long()).logits[:, 0].tolist()
    return [{"tokens": s, "score": v} for s, v in zip(sequences, found)]


def prm(draw):
    rows = []
    for steps in ((3, 1, 4), (2,), (5, 2)):
        ids, labels = [draw.randrange(3, 96) for _ in range(4)], [-100] * 4
        for n in steps:
            ids += [draw.randrange(3, 96) for _ in range(n)]
            labels += [-100] * (n - 1) + [draw.randrange(2)]
        rows.append({"tokens": ids, "labels": labels})
    longest = max(len(row["tokens"]) for row in rows)
    padded = torch.tensor([row["tokens"] + [0] * (longest - len(row["tokens"])) for row in rows])
    labels = torch.tensor([row["labels"] + [-100] * (longest - len(row["labels"])) for row in rows])
    model = Qwen3ForTokenClassification.from_pretrained(TOKEN, dtype=torch.float64).eval()
    out = model(input_ids=padded, attention_mask=(padded != 0).long(), labels=labels)
    out.loss.backward()
    read = labels != -100
    right = (out.logits.argmax(-1) == labels)[read].double().mean().item()
    return ({"rows": rows, "loss": out.loss.item(), "accuracy": right, "logits": out.logits[read].tolist()},
            {k: v.grad for k, v in model.named_parameters()})


def main():
    make(LlamaForSequenceClassification, "llama", SEQUENCE, 1)
    make(Qwen3ForTokenClassification, "qwen3", TOKEN, 2)
    torch.set_default_dtype(torch.float64)
    keep_double()
    draw = random.Random(6)
    steps = [step(pairs(draw, False))[0], step(pairs(draw, True))[0]]
    last, found = step(pairs(draw, True), center_rewards_coefficient=0.01)
    recorded_prm, prm_found = prm(draw)
    with open(os.path.join(HERE, "reward.json"), "w") as file:
        json.dump({"steps": [*steps, last], "scores": scores(draw), "prm": recorded_prm}, file)
        file.write("\n")
    path = os.path.join(HERE, "reward.safetensors")
    save_file({**{"reward." + k: v.contiguous() for k, v in found.items()},
               **{"prm." + k: v.contiguous() for k, v in prm_found.items()}}, path)
    os.chmod(path, 0o644)
    print([s["loss"] for s in (*steps, last)], last["metrics"], recorded_prm["loss"], recorded_prm["accuracy"])


main()
