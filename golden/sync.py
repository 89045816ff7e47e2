"""Records golden/sync.json: a run of TRL's DPOTrainer whose reference follows the policy (SyncRefModelCallback).

    python golden/sync.py        (trl 1.16.0, transformers 5.23, torch 2.11; needs golden/tiny/llama)

A real DPOTrainer.train() on the tiny Llama, its reference a copy, every step over all rows, AdamW at a constant rate.
In float64.

model, rows of tokens, learning_rate, alpha, sync_steps, losses and margins of every step
"""
import json, random, tempfile

import torch
from datasets import Dataset
from dpo import HERE, Double, in_double, keep_double, words
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer
from trl.kernels import chunked_logprob

STEPS, EVERY, ALPHA, RATE = 7, 2, 0.6, 1e-3


def run():
    draw = random.Random(9)
    rows = [{"prompt": words(draw, a).strip(), "chosen": words(draw, b), "rejected": words(draw, c)}
            for a, b, c in ((4, 6, 5), (2, 3, 3), (3, 4, 7))]
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2, **{f"w{i}": i for i in range(3, 96)}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>")
    args = DPOConfig(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=len(rows), max_steps=STEPS,
                     learning_rate=RATE, lr_scheduler_type="constant", max_grad_norm=0.0, report_to="none", bf16=False,
                     use_cpu=True, gradient_checkpointing=False, save_strategy="no", logging_steps=1, disable_tqdm=True,
                     sync_ref_model=True, ref_model_mixup_alpha=ALPHA, ref_model_sync_steps=EVERY)
    trainer = DPOTrainer(model=LlamaForCausalLM.from_pretrained(f"{HERE}/tiny/llama", dtype=torch.float64), args=args,
                         train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    losses, margins = [], []
    compute = trainer._compute_loss

    def watched(*given):
        loss = compute(*given)
        losses.append(loss.item())
        margins.append(trainer._metrics["train"]["rewards/margins"][-1])
        return loss

    trainer._compute_loss = watched
    trainer.train()
    columns = ("prompt", "chosen", "rejected")
    tokens = [{name: row[name + "_ids"] for name in columns} for row in trainer.train_dataset]
    return {"model": "tiny/llama", "rows": tokens, "learning_rate": RATE, "alpha": ALPHA, "sync_steps": EVERY,
            "losses": losses, "margins": margins}


def main():
    keep_double()
    chunked_logprob.torch = Double()
    recorded = in_double(run)
    with open(f"{HERE}/sync.json", "w") as file:
        json.dump(recorded, file)
        file.write("\n")
    print(recorded["losses"])


main()
