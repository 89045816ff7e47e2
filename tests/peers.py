#!/usr/bin/env python3
"""Gives temper's files to the programs they are meant for, and takes theirs: transformers, peft and TensorBoard.

    tests/peers.py build/temper [PEERS_VENV]

PEERS_VENV (or $PEERS) is a Python environment with transformers, peft and tensorboard; without either nothing is
checked and the exit code is 77. What must hold, on a tiny fresh model of each family, in float32, to 1e-4:

  an adapter trained by `temper sft --use_peft` (LoRA, rsLoRA, DoRA, modules trained whole) gives peft the log-probs
  that it gives temper;
  an adapter of each of these kinds saved by peft gives temper the log-probs that it gives peft;
  a base in 4 bits, alone and under an adapter, gives the log-probs that it gives with bitsandbytes, if that is there;
  the root of a run and a merged and exported folder load in transformers as they stand, tokenizer and template
  included, with equal ids and log-probs;
  reward models and process reward models load there as they stand and give equal scores, padded to a batch too, and so
  do their adapters in peft;
  TensorBoard reads from a run the numbers of its metrics.jsonl.
"""
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from kill_resume import write_tokenizer

TOLERANCE = 1e-4  # float32 rounding in another order, over two layers
QUESTIONS = ["Name a colour.", "Say the thing.", "What is th-th?", "Grüße, 数?"]
TALK = [{"role": "user", "content": "the th in this"}, {"role": "assistant", "content": "that"}]


class Temper:
    def __init__(self, program):
        self.program = program

    def run(self, *words, lines=None):
        text = None if lines is None else "".join(json.dumps(line) + "\n" for line in lines)
        done = subprocess.run([self.program, *map(str, words)], input=text, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"temper {' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()] if lines is not None else done.stdout

    def score(self, model, lines):
        return self.run("score", "--model", model, "--dtype", "float32", lines=lines)

    def logprobs(self, model, sequences, *options):
        lines = [{"tokens": ids} for ids in sequences]
        rows = self.run("score", "--model", model, "--dtype", "float32", *options, lines=lines)
        return [row["logprobs"] for row in rows]


def peer_logprobs(model, sequences):
    import torch
    with torch.no_grad():
        found = []
        for ids in sequences:
            tokens = torch.tensor([ids])
            logp = model(input_ids=tokens).logits[0].log_softmax(-1)
            found.append(logp[:-1].gather(1, tokens[0, 1:, None])[:, 0].tolist())
        return found


def largest_difference(ours, theirs):
    assert [len(row) for row in ours] == [len(row) for row in theirs]
    return max(abs(a - b) for x, y in zip(ours, theirs) for a, b in zip(x, y))


class Report:
    faults = 0

    def check(self, what, value, holds):
        self.faults += not holds
        print(f"{'ok  ' if holds else 'FAIL'} {what}: {value}")

    def equal(self, what, ours, theirs, kind="log-probs"):
        difference = largest_difference(ours, theirs)
        self.check(what, f"{kind} differ by {difference:.1e}", difference <= TOLERANCE)

    def different(self, what, ours, theirs):
        difference = largest_difference(ours, theirs)
        self.check(what, f"log-probs differ by {difference:.1e}", difference > 100 * TOLERANCE)


def from_transformers(folder):
    import torch
    from transformers import AutoModelForCausalLM
    model, loading = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    left = {key: sorted(names) for key, names in loading.items() if names}
    assert not left, f"{folder}: {left}"
    return model.eval()


def check_adapters(family, temper, folder, words, sequences, plain, report):
    """Adapters of every kind that temper trains, in peft; and as many that peft made, in temper."""
    from peft import LoraConfig, PeftModel, get_peft_model
    import torch

    base = folder / "model"
    ours = {"dora": ["--use_dora", "true"],
            "rslora_pattern": ["--use_rslora", "true", "--lora_target_modules", r".*\.1\..*(q|k|up)_proj"],
            "whole": ["--lora_target_modules", "v_proj", "--lora_modules_to_save", "lm_head", "norm"]}
    for name, options in ours.items():
        run = folder / name
        temper.run(*words, "--output_dir", run, "--use_peft", "true", "--lora_r", 4, *options)
        said = temper.logprobs(run, sequences)
        report.different(f"{family}, training {name} moved it", said, plain)
        theirs = peer_logprobs(PeftModel.from_pretrained(from_transformers(base), run).eval(), sequences)
        report.equal(f"{family}, temper's {name} in peft", said, theirs)
        temper.run("export", run, "--output_dir", folder / f"merged_{name}", "--dtype", "float32")
        merged = peer_logprobs(from_transformers(folder / f"merged_{name}"), sequences)
        report.equal(f"{family}, {name} merged and exported, in transformers", said, merged)

    names = ["q_proj", "v_proj", "down_proj"]
    made = {"lora": dict(target_modules=names, use_rslora=family == "qwen3"),
            "dora": dict(target_modules="all-linear", use_dora=True, rank_pattern={"q_proj": 2}, alpha_pattern={"up_proj": 5}),
            "whole": dict(target_modules=names, layers_to_transform=[1], modules_to_save=["embed_tokens", "k_proj"],
                          ensure_weight_tying=True)}
    for seed, (name, options) in enumerate(made.items()):
        torch.manual_seed(seed)
        model = get_peft_model(from_transformers(base), LoraConfig(r=3, lora_alpha=7, task_type="CAUSAL_LM", **options))
        for parameter, value in model.named_parameters():
            if "lora_B" in parameter:
                torch.nn.init.normal_(value, std=0.3)
            elif "magnitude" in parameter or "modules_to_save" in parameter:
                value.data *= 1 + 0.2 * torch.randn(value.shape)
        model.save_pretrained(folder / f"made_{name}")
        said, theirs = temper.logprobs(folder / f"made_{name}", sequences), peer_logprobs(model.eval(), sequences)
        report.different(f"{family}, peft's {name} says something", theirs, plain)
        report.equal(f"{family}, peft's {name} in temper", said, theirs)


def check_quantised(family, temper, folder, words, sequences, plain, report):
    """The base in 4 bits, alone and under an adapter trained on it, beside bitsandbytes' (where the environment has it)."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    import torch

    for nested in [False, True]:
        name, options = f"nf4{'_nested' * nested}", ["--load_in_4bit", "true", "--use_bnb_nested_quant", str(nested).lower()]
        run = folder / name
        temper.run(*words, "--output_dir", run, "--use_peft", "true", "--lora_r", 4, *options)
        config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32,
                                    bnb_4bit_use_double_quant=nested)
        model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32, quantization_config=config,
                                                     device_map="cpu").eval()
        said = temper.logprobs(folder / "model", sequences, *options)
        report.different(f"{family}, {name} is not the base", said, plain)
        report.equal(f"{family}, {name} beside bitsandbytes", said, peer_logprobs(model, sequences))
        theirs = peer_logprobs(PeftModel.from_pretrained(model, run).eval(), sequences)
        report.equal(f"{family}, an adapter on {name} in peft", temper.logprobs(run, sequences, *options), theirs)


def check_family(family, temper, work, report):
    from peft import PeftModel
    from transformers import AutoTokenizer

    folder = work / family
    base, rows, lora, full = folder / "model", folder / "rows.jsonl", folder / "lora", folder / "full"
    folder.mkdir()
    temper.run("init", "--tokenizer", work / "tokenizer", "--output_dir", base, "--family", family, "--width", 64, "--layers",
               2, "--heads", 4, "--kv_heads", 2, "--ffn", 96, "--vocabulary", 264, "--dtype", "float32", "--tied",
               family != "qwen2")
    rows.write_text("".join(json.dumps({"prompt": q + " ", "completion": "this thing"}) + "\n" for q in QUESTIONS))
    words = ["sft", "--model_name_or_path", base, "--dataset_name", rows, "--dtype", "float32", "--max_steps", 4,
             "--per_device_train_batch_size", 4, "--learning_rate", "1e-2", "--lr_scheduler_type", "constant", "--quiet"]
    temper.run(*words, "--output_dir", lora, "--use_peft", "true", "--lora_r", 4)
    temper.run(*words, "--output_dir", full)
    texts = temper.run("tokenize", "--model", base, lines=[{"text": text} for text in QUESTIONS])
    sequences = [row["ids"] for row in texts]
    plain = temper.logprobs(base, sequences)

    report.equal(f"{family}, a fresh model in transformers", plain, peer_logprobs(from_transformers(base), sequences))
    ours = temper.logprobs(lora, sequences)
    report.different(f"{family}, training an adapter moved it", ours, plain)
    theirs = peer_logprobs(PeftModel.from_pretrained(from_transformers(base), lora).eval(), sequences)
    report.equal(f"{family}, temper's adapter in peft", ours, theirs)

    check_adapters(family, temper, folder, words, sequences, plain, report)
    if importlib.util.find_spec("bitsandbytes") is not None:
        check_quantised(family, temper, folder, words, sequences, plain, report)

    temper.run("export", lora, "--output_dir", folder / "merged", "--dtype", "float32")
    merged = peer_logprobs(from_transformers(folder / "merged"), sequences)
    report.equal(f"{family}, a merged and exported adapter in transformers", temper.logprobs(lora, sequences), merged)
    ours = temper.logprobs(full, sequences)
    report.different(f"{family}, full training moved it", ours, plain)
    report.equal(f"{family}, the root of a run in transformers", ours, peer_logprobs(from_transformers(full), sequences))

    for made in [full, folder / "merged"]:
        tokenizer = AutoTokenizer.from_pretrained(made)
        same = all(tokenizer(text).input_ids == row["ids"] for text, row in zip(QUESTIONS, texts))
        report.check(f"{family}, the tokenizer of {made.name} in transformers", "equal ids" if same else "other ids", same)
        ours = temper.run("render", "--model", made, lines=[{"messages": TALK}])[0]["text"]
        same = tokenizer.apply_chat_template(TALK, tokenize=False) == ours
        report.check(f"{family}, the chat template of {made.name}", "equal text" if same else "other text", same)
    return full


def heads(name):
    import transformers
    return {"reward": transformers.AutoModelForSequenceClassification,
            "prm": transformers.AutoModelForTokenClassification}[name]


def score_peer(name, folder, **more):
    import torch
    model, loading = heads(name).from_pretrained(folder, dtype=torch.float32, output_loading_info=True, **more)
    return model.eval(), {key: sorted(names) for key, names in loading.items() if names}


def peer_scores(name, model, tokenizer, rows):
    """Rewards, or the probability of each step, of all rows padded to one batch."""
    import torch
    batch = tokenizer.pad({"input_ids": [row["tokens"] for row in rows]}, padding_side="right", return_tensors="pt")
    with torch.no_grad():
        logits = model(**batch).logits
    if name == "reward":
        return logits.tolist()
    steps = logits.softmax(-1)[:, :, 1]
    return [steps[i, row["step_ends"]].tolist() for i, row in enumerate(rows)]


def check_scores(family, temper, work, report):
    from peft import PeftModel
    from transformers import AutoTokenizer

    folder = work / family
    data = {"reward": [{"prompt": q + " ", "chosen": "this thing", "rejected": "no"} for q in QUESTIONS],
            "prm": [{"prompt": q + " ", "completions": ["this", "thing"], "labels": [True, False]} for q in QUESTIONS]}
    asked = {"reward": [{"prompt": q, "completion": " this" * i} for i, q in enumerate(QUESTIONS)],
             "prm": [{"prompt": q, "completions": ["this", "that"][:1 + i % 2]} for i, q in enumerate(QUESTIONS)]}
    for name, rows in data.items():
        file = folder / f"{name}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        words = [name, "--model_name_or_path", folder / "model", "--dataset_name", file, "--dtype", "float32", "--max_steps", 4,
                 "--learning_rate", "1e-2", "--lr_scheduler_type", "constant", "--quiet"]
        key = {"reward": "reward", "prm": "step_rewards"}[name]
        for kind, more in [("whole", []), ("adapter", ["--use_peft", "true", "--lora_r", 4])]:
            run = folder / f"{name}_{kind}"
            temper.run(*words, "--output_dir", run, *more)
            lines = temper.score(run, asked[name])
            ours = [line[key] if name == "prm" else [line[key]] for line in lines]
            if kind == "whole":
                model, left = score_peer(name, run)
                report.check(f"{family}, a {name} model loads in transformers as it stands", left or "whole", not left)
            else:
                labels = {"reward": 1, "prm": 2}[name]
                model = PeftModel.from_pretrained(score_peer(name, folder / "model", num_labels=labels)[0], run).eval()
                model.config.pad_token_id = AutoTokenizer.from_pretrained(run).pad_token_id
            theirs = peer_scores(name, model, AutoTokenizer.from_pretrained(run), lines)
            report.equal(f"{family}, the scores of a {name} model ({kind}) in transformers", ours, theirs, "scores")
            values = [value for row in ours for value in row]
            report.check(f"{family}, a {name} model ({kind}) says something", max(values) - min(values),
                         max(values) - min(values) > 100 * TOLERANCE)


def check_tensorboard(run, report):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    import numpy

    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    found = {(tag, e.step): e.value for tag in events.Tags()["scalars"] for e in events.Scalars(tag)}
    wanted = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        for name, value in row.items():
            if name in ("step", "time"):
                continue
            tag = "eval/" + name[5:] if name.startswith("eval_") else "train/" + name
            wanted[tag, row["step"]] = numpy.float32(value)
    report.check("TensorBoard reads metrics.jsonl's numbers", f"{len(found)} of {len(wanted)}",
                 len(wanted) >= 20 and {key: numpy.float32(value) for key, value in found.items()} == wanted)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    venv = sys.argv[2] if len(sys.argv) == 3 else os.environ.get("PEERS", "")
    if not venv:
        print("no peers: give an environment with transformers, peft and tensorboard, or set PEERS to it")
        sys.exit(77)
    python = pathlib.Path(venv) / "bin/python"
    if sys.prefix != str(pathlib.Path(venv).resolve()):
        os.execv(python, [str(python), os.path.abspath(__file__), os.path.abspath(sys.argv[1]), venv])
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", HF_HUB_DISABLE_PROGRESS_BARS="1")
    report, work = Report(), pathlib.Path(tempfile.mkdtemp(prefix="temper_peers_"))
    try:
        write_tokenizer(work / "tokenizer")
        temper, families = Temper(sys.argv[1]), ["llama", "qwen2", "qwen3"]
        runs = [check_family(family, temper, work, report) for family in families]
        for family in families:
            check_scores(family, temper, work, report)
        check_tensorboard(runs[0], report)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(f"{report.faults} of the checks failed" if report.faults else 0)


if __name__ == "__main__":
    main()
