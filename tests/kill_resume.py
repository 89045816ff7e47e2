#!/usr/bin/env python3
"""Kills a training run (kill -9) at random moments, resumes it, and compares it with one that was never stopped.

    tests/kill_resume.py build/temper --kills 20 [--seed 1] [--command dpo|kto|bco|ppo|online_dpo|spin|…]

What must hold: final weights are equal bytes, metrics are equal but for timing, no step is twice or missing in any
log. Uses a tiny fresh model over bytes and the example environment, so it needs nothing but the program.
"""
import argparse
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIMED = {"time", "step_time", "tokens_per_second", "time/generate", "time/update", "tflop"}


def byte_symbols():
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, spare = {b: chr(b) for b in printable}, 256
    for b in range(256):
        if b not in table:
            table[b] = chr(spare)
            spare += 1
    return [table[b] for b in range(256)]


def write_tokenizer(folder):
    folder.mkdir()
    symbols = byte_symbols()
    vocabulary = {s: i for i, s in enumerate(symbols)}
    vocabulary["th"] = 256
    added = [{"id": 257 + i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
              "special": True} for i, t in enumerate(["<|im_start|>", "<|im_end|>"])]
    tokenizer = {"version": "1.0", "added_tokens": added, "normalizer": None, "post_processor": None,
                 "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
                 "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}, "model": {"type": "BPE", "vocab": vocabulary, "merges": ["t h"]}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    template = ("{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
                "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"eos_token": "<|im_end|>", "pad_token": "<|im_end|>", "chat_template": template}))


def write_environment(folder):
    (folder / "rows.jsonl").write_text("".join(json.dumps({"q": q, "a": "x"}) + "\n" for q in ["say", "tell", "name", "give"]))
    (folder / "letters.yaml").write_text(
        "name: letters\nsystem_prompt: Write.\nparser: {name: text}\nprompt_template: '{q}'\nanswer: a\n"
        "rows: {train: rows.jsonl, held_out: rows.jsonl}\n"
        "rewards:\n  - {verifier: regex, name: letter, weight: 1.0, options: {pattern: '[a-m]'}}\n")


def write_pairs(folder):
    rows = [{"prompt": f"say {i} ", "chosen": "abc"[i % 3] * 4, "rejected": "xyz"[i % 3] * 5} for i in range(40)]
    rows[7]["rejected"] = rows[7]["chosen"]  # is left out
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows = [{"prompt": f"solve {i}\n", "completions": ["one", "two"], "labels": [i % 2 == 0, i % 3 == 0]} for i in range(40)]
    (folder / "steps.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_answers(folder):
    rows = [{"prompt": f"say {i} ", "completion": "abcxyz"[i % 6] * 4, "label": i % 6 < 3} for i in range(40)]
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rows = [{"prompt": row["prompt"], "completion": row["completion"]} for row in rows if row["label"]]
    (folder / "demonstrations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def lines(path, drop=()):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in drop} for row in rows]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("temper")
    parser.add_argument("--kills", type=int, default=1)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--command", choices=["grpo", "ppo", "dpo", "kto", "bco", "online_dpo", "xpo", "nash_md",
                                               "spin", "reward", "prm"], default="grpo")
    args = parser.parse_args()
    temper = str(pathlib.Path(args.temper).resolve())
    moments = random.Random(args.seed)
    work = pathlib.Path(tempfile.mkdtemp(prefix="temper_kill_"))
    try:
        write_tokenizer(work / "tokenizer")
        write_environment(work)
        write_pairs(work)
        write_answers(work)
        subprocess.run([temper, "init", "--tokenizer", work / "tokenizer", "--output_dir", work / "model", "--family", "llama",
                        "--width", "64", "--layers", "4", "--heads", "4", "--kv_heads", "2", "--ffn", "128",
                        "--vocabulary", "264"], check=True, stdout=subprocess.DEVNULL)

        def command(name, resume):
            iterations = 3 if args.command == "spin" else 1
            words = [temper, args.command, "--model_name_or_path", work / "model", "--output_dir", work / name,
                     "--max_steps", str(args.steps // iterations), "--learning_rate", "1e-3", "--save_steps", "1", "--eval_steps", "4",
                     "--quiet"]
            answers = ["--dataset_name", work / "answers.jsonl", "--test_split_size", "8"]
            rollouts = ["--env", work / "letters.yaml", "--max_completion_length", "24", "--eval_prompts", "4"]
            online = ["--env", work / "letters.yaml", "--max_new_tokens", "24", "--eval_prompts", "4",
                      "--per_device_train_batch_size", "4", "--sync_ref_model", "true", "--ref_model_sync_steps", "3"]
            words += {"online_dpo": online, "xpo": online, "nash_md": online,
                      "spin": ["--dataset_name", work / "demonstrations.jsonl", "--test_split_size", "4",
                               "--num_spin_iterations", str(iterations), "--max_new_tokens", "24"],
                      "grpo": [*rollouts, "--per_device_train_batch_size", "16", "--num_generations", "8"],
                      "ppo": [*rollouts, "--per_device_train_batch_size", "4", "--num_generations", "2",
                              "--num_mini_batches", "2", "--num_ppo_epochs", "2", "--value_warmup_steps", "2",
                              "--value_learning_rate", "1e-3", "--kl_target", "0.01", "--kl_horizon", "50",
                              "--normalize_rewards", "mean_std"],
                      "dpo": ["--dataset_name", work / "pairs.jsonl", "--test_split_size", "8"],
                      "kto": answers, "bco": answers,
                      "reward": ["--dataset_name", work / "pairs.jsonl", "--test_split_size", "8"],
                      "prm": ["--dataset_name", work / "steps.jsonl", "--test_split_size", "8"]}[args.command]
            return words + (["--resume_from_checkpoint", "true"] if resume else [])

        begun = time.monotonic()
        subprocess.run(command("whole", False), check=True, stdout=subprocess.DEVNULL)
        whole_s = time.monotonic() - begun
        killed = 0
        while True:
            resume = (work / "parts" / "config.yaml").exists()
            process = subprocess.Popen(command("parts", resume), stdout=subprocess.DEVNULL)
            try:
                left = args.kills - killed
                status = process.wait(moments.uniform(0.05, 0.8) * whole_s if left > 0 else None)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
                continue
            if status != 0:
                sys.exit(f"the resumed run failed with exit code {status}")
            if killed >= args.kills:
                break
            shutil.rmtree(work / "parts")  # it ended before it could be killed: once more
        faults = []
        for model in ["model.safetensors"] + (["value_model/model.safetensors"] if args.command == "ppo" else []):
            if (work / "whole" / model).read_bytes() != (work / "parts" / model).read_bytes():
                faults.append(f"final weights differ: {model}")
        sampled = dict.fromkeys(["grpo", "ppo", "online_dpo", "xpo", "nash_md"], ["rollouts.jsonl"])
        logs = {**sampled, "spin": [], "dpo": ["reference.jsonl", "rejected.jsonl"], "reward": ["rejected.jsonl"],
                "prm": []}.get(args.command, ["reference.jsonl"])
        for name in ["metrics.jsonl", *logs]:
            if lines(work / "whole" / name, TIMED) != lines(work / "parts" / name, TIMED):
                faults.append(f"{name} differs")
        steps = [row["step"] for row in lines(work / "parts/metrics.jsonl") if "loss" in row]
        if steps != list(range(1, args.steps + 1)):
            faults.append(f"steps in the log: {steps}")
        if faults:
            sys.exit("; ".join(faults))
        print(f"{killed} kills, {args.steps} steps: the same bits")
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
