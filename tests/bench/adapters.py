#!/usr/bin/env python3
"""Adapters on a whole and on a quantised base, side by side: memory and time of a training step, speed of sampling.

    tests/bench/adapters.py build/temper MODEL rows.jsonl [--rounds 3] [--steps 4]

Each round runs every kind once, so that what else the machine does falls on all of them alike; medians over rounds, ratios
to the first kind (LoRA on bf16). Memory is the peak of all buffers.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

KINDS = {"LoRA, bf16": [], "DoRA, bf16": ["--use_dora", "true"], "LoRA, int8": ["--load_in_8bit", "true"],
         "LoRA, NF4": ["--load_in_4bit", "true"],
         "LoRA, NF4 nested": ["--load_in_4bit", "true", "--use_bnb_nested_quant", "true"]}


def train(program, model, rows, options, steps, work):
    run = work / "run"
    shutil.rmtree(run, ignore_errors=True)
    subprocess.run([program, "sft", "--model_name_or_path", model, "--dataset_name", rows, "--output_dir", run, "--use_peft", "true",
                    "--max_steps", str(steps), "--per_device_train_batch_size", "8", "--quiet", *options], check=True)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    times = [line["step_time"] for line in lines if "step_time" in line][1:]
    return statistics.median(times), json.loads((run / "summary.json").read_text())["peak_bytes"]


def sample(program, model, options, tokens, count):
    """Seconds a token of `count` answers at once."""
    base = [option for option in options if option != "--use_dora"]
    base = base if len(base) == len(options) else []
    line = json.dumps({"prompt": "The quick brown fox", "n": count, "max_tokens": tokens, "ignore_end": True, "seed": 1}) + "\n"
    times = []
    for given in (line * 2, line * 4):  # the difference leaves the loading out
        begun = time.monotonic()
        subprocess.run([program, "sample", "--model", model, *base], input=given, text=True, check=True, capture_output=True)
        times.append(time.monotonic() - begun)
    return (times[1] - times[0]) / 2 / tokens / count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("rows")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    asked = parser.parse_args()
    found = {kind: [] for kind in KINDS}
    work = pathlib.Path(tempfile.mkdtemp(prefix="temper_bench_"))
    try:
        for _ in range(asked.rounds):
            for kind, options in KINDS.items():
                seconds, peak = train(asked.program, asked.model, asked.rows, options, asked.steps, work)
                one, many = (sample(asked.program, asked.model, options, 32, count) for count in (1, 16))
                found[kind].append((seconds, peak, one, many))
                print(kind, found[kind][-1], flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"\nload average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores\n")
    print("| base | peak of a run | ratio | step | ratio | sampling, 1 | ratio | sampling, 16 | ratio |\n|---|---|---|---|---|---|---|---|---|")
    first = None
    for kind, rows in found.items():
        middle = [statistics.median(column) for column in zip(*rows)]
        first = first or middle
        step, peak, one, many = middle
        ratio = [value / start for value, start in zip(middle, first)]
        print(f"| {kind} | {peak / 1e9:.2f} GB | {ratio[1]:.2f} | {step:.2f} s | {ratio[0]:.2f} | {1 / one:.0f} tok/s | {1 / ratio[2]:.2f} | "
              f"{1 / many:.0f} tok/s | {1 / ratio[3]:.2f} |")


if __name__ == "__main__":
    main()
