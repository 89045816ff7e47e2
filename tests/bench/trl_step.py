"""Steps of TRL's SFTTrainer or GRPOTrainer, timed: one JSON line {"seconds": [...], "tokens": [...], "peak_bytes": n}.

    trl_step.py sft|grpo MODEL ROWS.jsonl --steps 4 --pair default|float32 [--completion 64]

`default`: what TRL's command line gives (float32 weights, bf16 autocast, gradient checkpointing); `float32`: neither of
these two. Rows: prompt and completion; all of them are one step's batch (grpo: the first prompt, eight answers).
"""
import argparse
import json
import resource
import tempfile
import time

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["sft", "grpo"])
parser.add_argument("model")
parser.add_argument("rows")
parser.add_argument("--steps", type=int, default=4)
parser.add_argument("--pair", choices=["default", "float32"], default="default")
parser.add_argument("--completion", type=int, default=64)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
torch.set_num_threads(args.threads)
mixed = args.pair == "default"


class Clock(TrainerCallback):
    seconds, tokens = [], []

    def on_step_begin(self, *_, **__):
        self.begun = time.perf_counter()

    def on_step_end(self, *_, **__):
        self.seconds.append(time.perf_counter() - self.begun)

    def on_log(self, *_, logs=None, **__):
        if "num_tokens" in logs:
            self.tokens.append(logs["num_tokens"])


rows = [json.loads(line) for line in open(args.rows)]
tokenizer = AutoTokenizer.from_pretrained(args.model)
model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
clock = Clock()
with tempfile.TemporaryDirectory() as folder:
    common = dict(output_dir=folder, max_steps=args.steps, logging_steps=1, report_to="none", save_strategy="no",
                  use_cpu=True, bf16=mixed, gradient_checkpointing=mixed, per_device_train_batch_size=8,
                  disable_tqdm=True)
    if args.what == "sft":
        trainer = SFTTrainer(model, args=SFTConfig(max_length=1024, **common), train_dataset=Dataset.from_list(rows),
                             processing_class=tokenizer, callbacks=[clock])
    else:
        rows = [{"prompt": row["prompt"]} for row in rows[:1]] * 8
        trainer = GRPOTrainer(
            model, args=GRPOConfig(num_generations=8, max_completion_length=args.completion,
                                   generation_kwargs={"min_new_tokens": args.completion}, **common),
            reward_funcs=lambda completions, **_: [float(len(set(text))) for text in completions],
            train_dataset=Dataset.from_list(rows), processing_class=tokenizer, callbacks=[clock])
    trainer.train()
tokens = [after - before for before, after in zip([0] + clock.tokens, clock.tokens)]
print(json.dumps({"seconds": clock.seconds, "tokens": tokens,
                  "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
