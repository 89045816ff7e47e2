"""Records golden/templates.json.gz: templates, variables and what transformers renders from them.

Run with a Python that has transformers, trl and gguf:  HF_HUB_OFFLINE=1 python golden/templates.py
Cases are {"name", "template", "variables"} and either "text" (with "spans": the assistant's parts in
characters, where there are {% generation %} blocks) or "error": {"type", "message"}.
"""

import datetime
import gzip
import json
import pathlib

import trl
from gguf import GGUFReader
from transformers.utils import chat_template_utils

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOW = 1753880400  # 2025-07-30 13:00:00 UTC


class FixedTime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).replace(tzinfo=None)


chat_template_utils.datetime = FixedTime


def record(name, template, variables):
    case = {"name": name, "template": template, "variables": variables}
    try:
        compiled = chat_template_utils._cached_compile_jinja_template(template)
        blocks, spans = [], []
        with compiled.environment.activate_tracker(blocks, spans):
            for block in compiled.generate(**variables):
                blocks.append(block)
        case["text"] = "".join(blocks)
        if spans:
            case["spans"] = spans
        if " at 0x" in case["text"]:
            case["error"] = {"type": "Address", "message": "the text holds an address"}  # temper refuses
            del case["text"]
    except Exception as error:
        case["error"] = {"type": type(error).__name__, "message": str(error)}
    return case


SNIPPETS = (ROOT / "golden" / "templates_snippets.txt").read_text(encoding="utf-8")
VARIABLES = {
    "name": "Ada Lovelace",
    "empty": "",
    "text": "  The quick\tbrown fox,\njumps\r\nover the lazy dog.  ",
    "word": "straße ΑΣ ǆ ﬁn İ naïve e\u0301 日本語 🎉",
    "numbers": [3, 1, 2, -7, 0],
    "floats": [1.5, -0.25, 1e100, 1e-7, 100000.0, 1e16, 123456789.125],
    "mixed": [1, "1", 1.0, True, None, [1], {"a": 1}],
    "users": [
        {"name": "Bob", "age": 31, "city": "Paris", "on": True, "address": {"zip": "75"}},
        {"name": "alice", "age": 25, "city": "rome", "on": False, "address": {"zip": "00"}},
        {"name": "Carl", "age": 31, "city": "Rome", "on": True},
    ],
    "nested": {"items": 5, "keys": {"get": "got"}, "b": [1, [2, [3, []]]], "a": "x'y\"z\\\n<&>\u2028\u00e9\u007f"},
    "tree": [{"v": 1, "kids": [{"v": 2, "kids": []}, {"v": 3, "kids": [{"v": 4, "kids": []}]}]}, {"v": 5, "kids": []}],
    "none": None,
    "yes": True,
    "no": False,
    "big": 9007199254740993,
    "html": "<a href=\"x\">'&'</a>",
}

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a \"city\" <now> & später",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "The city, e.g. Zürich"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                "days": {"type": "integer", "minimum": 1},
                "where": {"type": "object", "properties": {"lat": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}}}, "required": ["lat"]},
            },
            "required": ["city"],
        },
        "return": {"type": "object", "description": "the weather"},
    },
}
PLAIN = {"type": "function", "function": {"name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}}}
CALL = {"type": "function", "id": "call00001", "function": {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2, "where": {"lat": 47.37, "tags": ["a", "b"]}, "exact": True, "no": None}}}
SYSTEM = {"role": "system", "content": "You are a helpful assistant. Réponds en français 🎩."}


def conversations():
    user = {"role": "user", "content": "  What's the <weather> like in 東京?\n"}
    answer = {"role": "assistant", "content": "Sunny ☀️, 25.5 °C.\n\n"}
    again = {"role": "user", "content": "And \"tomorrow\"?"}
    think = {"role": "assistant", "content": "<think>\nLet me see…\n</think>\n\nRain."}
    reasoned = {"role": "assistant", "content": "Rain.", "reasoning_content": "Clouds gather."}
    call = {"role": "assistant", "content": "", "tool_calls": [CALL]}
    result = {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": '{"temp": 21.0, "sky": "klar"}'}
    parts = {"role": "user", "content": [{"type": "text", "text": "Look: "}, {"type": "image"}, {"type": "text", "text": "what is it?"}]}
    parted = {"role": "assistant", "content": [{"type": "text", "text": "A cat."}]}
    yield "one", {"messages": [user]}
    yield "system", {"messages": [SYSTEM, user, answer, again], "add_generation_prompt": True}
    yield "trained", {"messages": [SYSTEM, user, answer, again, {"role": "assistant", "content": "Rain 🌧."}], "add_generation_prompt": False}
    yield "think", {"messages": [user, think, again, reasoned], "add_generation_prompt": False}
    yield "nothink", {"messages": [user, reasoned, again], "add_generation_prompt": True, "enable_thinking": False}
    yield "thinking", {"messages": [user, reasoned, again], "add_generation_prompt": True, "enable_thinking": True}
    yield "tools", {"messages": [SYSTEM, user], "tools": [WEATHER, PLAIN], "add_generation_prompt": True}
    yield "calls", {"messages": [user, call, result, {"role": "assistant", "content": "Clear, 21 °C."}], "tools": [WEATHER], "add_generation_prompt": False}
    yield "two_calls", {"messages": [SYSTEM, user, {"role": "assistant", "content": "I look.", "tool_calls": [CALL, {**CALL, "id": "call00002"}]}, result, {**result, "tool_call_id": "call00002"}], "tools": [WEATHER, PLAIN], "add_generation_prompt": True}
    yield "parts", {"messages": [parts, parted, parts], "add_generation_prompt": True}
    yield "wrong_order", {"messages": [answer, user, user], "add_generation_prompt": True}


COMMON = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "tools": None, "documents": None, "add_generation_prompt": False}

cases = []
for block in SNIPPETS.split("\n----\n"):
    cases.append(record(f"snippet {len(cases) + 1}", block, VARIABLES))

templates = {}
for path in sorted((pathlib.Path(trl.__file__).parent / "chat_templates").glob("*.jinja")):
    templates[path.stem] = path.read_text(encoding="utf-8")
for path in sorted((ROOT / "golden" / "templates").glob("*.jinja")):
    templates[path.stem] = path.read_text(encoding="utf-8")
gguf = ROOT / ".deps" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
if gguf.exists():
    field = GGUFReader(gguf).fields["tokenizer.chat_template"]
    templates["smollm2"] = bytes(field.parts[field.data[0]]).decode("utf-8")

for name, template in templates.items():
    for kind, variables in conversations():
        cases.append(record(f"{name} {kind}", template, {**COMMON, **variables}))

# Templates and variables are stored once; cases name them by number.
def shared(key):
    kept = sorted({json.dumps(case[key], ensure_ascii=False) for case in cases})
    for case in cases:
        case[key] = kept.index(json.dumps(case[key], ensure_ascii=False))
    return [json.loads(text) for text in kept]


lines = {"now": NOW, "templates": shared("template"), "variables": shared("variables"), "cases": cases}
packed = gzip.compress(json.dumps(lines, ensure_ascii=False).encode(), mtime=0)
(ROOT / "golden" / "templates.json.gz").write_bytes(packed)
errors = [case for case in cases if "error" in case]
print(f"{len(cases)} cases, {len(lines['templates'])} templates, {len(errors)} errors")
for case in errors:
    print(case["name"], case["error"])
