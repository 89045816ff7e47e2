"""Records what TRL 1.16 makes of rows: token ids and labels of SFTTrainer's own preparation, and the
prompt ids of GRPOTrainer, for ten published chat templates over SmolLM2's tokenizer.

  python golden/trl_rows.py MODEL.gguf        (trl 1.16, transformers 5.23; writes golden/trl_rows.json)

transformers reads the GGUF's tokenizer without its digit splitter ("smollm": every digit is a word of
its own), so that is put back. Labels are kept as runs of trained tokens: a label is its token's id inside
a run and -100 outside, which is asserted here.
"""

import json
import os
import random
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
import trl  # noqa: E402
from datasets import IterableDataset  # noqa: E402
from tokenizers import pre_tokenizers  # noqa: E402
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402

gguf = Path(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
    [pre_tokenizers.Digits(individual_digits=True),
     pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)]
)
published = Path(trl.__file__).parent / "chat_templates"
templates = {"smollm2": tokenizer.chat_template}
for name in ["llama3", "llama3_1", "phi3", "gemma", "cohere", "qwen2_5", "qwen3", "glm4moe", "deepseekv3"]:
    templates[name] = (published / f"{name}.jinja").read_text(encoding="utf-8")
trained = ["llama3", "phi3", "gemma", "cohere", "qwen2_5", "qwen3", "glm4moe", "deepseekv3"]
with_tools = {"qwen2_5", "qwen3", "glm4moe", "llama3_1"}
no_system = {"gemma"}

rng = random.Random(16)
questions = [
    "What is 17 + 25?", "Name three rivers in Europe.", "Wie spät ist es?", "请用一句话介绍北京。", "Tell me a joke 🙂",
    "  spaces   around  ", "Write a haiku\nabout rain.", "Explain `a<b` && `c>d` to a child.", "مرحبا، كيف حالك؟",
    "Is 2024-02-29 a date?", "नमस्ते!", "Translate: naïve café — déjà vu", "<|im_end|> is what?", "Q", "Sum 3.14 and 2.72.",
]
answers = [
    "42.", "The Danube, the Rhine and the Loire.", "Es ist 12:30 Uhr.", "北京是中国的首都。", "Why did the chicken…? 🐔🎉",
    "ok", "Drops on the window,\nslow as thought\n— then sun.", "It means both:\n\n- a is less than b\n- c is more than d",
    "أنا بخير.", "Yes: 2024 is a leap year.", " trailing space ", "Naïve coffee, already seen.", "x" * 60, "5.86",
]
systems = ["You are brief.", "Antworte auf Deutsch.", "You are a helpful assistant.\nThink first."]
tool = {"type": "function", "function": {
    "name": "get_weather", "description": "Weather of a city", "parameters": {
        "type": "object", "properties": {"city": {"type": "string", "description": "its name"}}, "required": ["city"]}}}


def conversation(name, turns, tools):
    out = []
    if name not in no_system and rng.random() < 0.5:
        out.append({"role": "system", "content": rng.choice(systems)})
    for turn in range(turns):
        out.append({"role": "user", "content": rng.choice(questions)})
        if tools and turn == turns - 1:
            city = rng.choice(["Paris", "Zürich", "東京"])
            out.append({"role": "assistant", "content": "", "tool_calls": [
                {"type": "function", "function": {"name": "get_weather", "arguments": {"city": city}}}]})
            if tools == "call":
                return out
            out.append({"role": "tool", "name": "get_weather", "content": f"{rng.randint(-5, 30)} °C"})
        out.append({"role": "assistant", "content": rng.choice(answers)})
    return out


def a_row(name, kind):
    tools = None
    if name in with_tools and rng.random() < 0.4:
        tools = "call" if rng.random() < 0.3 else "reply"
    messages = conversation(name, rng.choice([1, 1, 2, 3]), tools)
    if kind == "messages":
        row = {"messages": messages}
    else:
        row = {"prompt": messages[:-1], "completion": messages[-1:]}
    if tools:
        row["tools"] = [tool] if rng.random() < 0.5 else json.dumps([tool])
    if name == "qwen3" and rng.random() < 0.3:
        row["chat_template_kwargs"] = {"enable_thinking": False}
    return row


model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1,
                                     num_attention_heads=1, num_key_value_heads=1))
folder = tempfile.mkdtemp()
rows, prompts, training = [], [], {}


def record(template, options, examples):
    """One trainer for `examples`, all of one kind; each is prepared alone, so that dropped rows show."""
    tokenizer.chat_template = templates[template] if template else None
    settings = dict(output_dir=folder, report_to=[], use_cpu=True, bf16=False, shuffle_dataset=False, packing=False,
                    gradient_checkpointing=False, max_steps=1)

    def stream(example):
        return IterableDataset.from_generator(lambda: iter([json.loads(json.dumps(example))]))

    trainer = SFTTrainer(model=model, args=SFTConfig(**settings, **options), train_dataset=stream(examples[0]),
                         processing_class=tokenizer)
    if trainer.chat_template:
        training[template] = trainer.chat_template
    for example in examples:
        made = list(trainer._prepare_dataset(stream(example), tokenizer, trainer.args, False, None, "train"))
        entry = {"template": template, "options": options, "row": example}
        if made:
            ids, labels = made[0]["input_ids"], made[0]["labels"]
            assert all(label in (-100, token) for token, label in zip(ids, labels, strict=True))
            marks = [0] + [int(label != -100) for label in labels] + [0]
            edges = [i for i in range(len(marks) - 1) if marks[i] != marks[i + 1]]
            entry |= {"ids": ids, "trained": list(zip(edges[::2], edges[1::2], strict=True))}
        rows.append(entry)


for name in templates:
    share = [7, 7, 4, 2] if name in trained else [10, 10, 0, 0]
    kinds = [("messages", {}), ("pair", {}), ("messages", {"assistant_only_loss": True}),
             ("pair", {"assistant_only_loss": True})]
    for count, (kind, options) in zip(share, kinds, strict=True):
        if count:
            record(name, options, [a_row(name, kind) for _ in range(count)])
    tokenizer.chat_template = templates[name]
    for _ in range(4):
        row = a_row(name, "pair")
        row.pop("tools", None), row.pop("chat_template_kwargs", None), row.pop("completion")
        row["prompt"] = [m for m in row["prompt"] if m["role"] not in ("tool",) and not m.get("tool_calls")]
        # the call of GRPOTrainer._tokenize_prompts
        ids = tokenizer.apply_chat_template(conversation=[row["prompt"]], tools=None, chat_template=None,
                                            add_generation_prompt=True, tokenize=True, return_dict=True)["input_ids"][0]
        prompts.append({"template": name, "row": row, "ids": ids})

conversations = len(rows)
assert conversations == 200, conversations
for options in [{"max_length": 30}, {"max_length": 30, "truncation_mode": "keep_end"}, {"completion_only_loss": False}]:
    record("smollm2", options, [a_row("smollm2", "pair") for _ in range(4)])
record(None, {}, [{"text": text} for text in answers + ["ends<|im_end|>", "<|im_start|>user\nhi<|im_end|>\n", "12345 a1b2"]])
for options in [{}, {"completion_only_loss": False}, {"max_length": 6}]:
    record(None, options, [{"prompt": q + rng.choice(["", " ", "\n"]), "completion": a}
                           for q, a in zip(rng.sample(questions, 8), rng.sample(answers, 8), strict=True)])
prompts += [{"template": None, "row": {"prompt": q}, "ids": tokenizer(text=[q])["input_ids"][0]} for q in questions]

out = {"trl": trl.__version__, "templates": templates, "training_templates": training, "rows": rows, "prompts": prompts}
target = Path(__file__).with_suffix(".json")
target.write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
dropped = sum("ids" not in row for row in rows)
print(f"{target}: {len(rows)} rows ({dropped} dropped), {len(prompts)} prompts, {target.stat().st_size} bytes")
