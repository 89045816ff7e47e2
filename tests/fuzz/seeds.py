#!/usr/bin/env python3
"""Writes a few well-formed inputs for each fuzz target, from which libFuzzer goes on: seeds.py FOLDER."""
import json
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from kill_resume import write_tokenizer  # noqa: E402

TALK = json.dumps({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "Hi ✓"},
                                {"role": "assistant", "content": "b", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]}],
                   "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": True, "tools": None}).encode()


def templates(_):
    for path in sorted((ROOT / "golden/templates").glob("*.jinja")):
        yield path.read_bytes() + b"\0" + TALK
    for snippet in (ROOT / "golden/templates_snippets.txt").read_text().split("\n----\n"):
        yield snippet.encode() + b"\0" + TALK


def tokenizers(work):
    write_tokenizer(work / "bytes")
    text = (work / "bytes/tokenizer.json").read_text()
    yield text.encode() + b"\0It's the <|im_end|> caf\xc3\xa9  \n"
    changed = json.loads(text)
    split = {"type": "Split", "pattern": {"Regex": r"\p{L}+|\p{N}{1,3}|\s+|[^\s\p{L}\p{N}]+"}, "behavior": "Isolated", "invert": False}
    changed["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, {**changed["pre_tokenizer"], "use_regex": False}]}
    changed["normalizer"] = {"type": "NFC"}
    changed["post_processor"] = {"type": "TemplateProcessing", "pair": [], "single": [{"SpecialToken": {"id": "<|im_start|>", "type_id": 0}},
                                 {"Sequence": {"id": "A", "type_id": 0}}],
                                 "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [257], "tokens": ["<|im_start|>"]}}}
    yield json.dumps(changed).encode() + b"\0e\xcc\x81 th 1234"


def safetensors(_):
    whole = (ROOT / "golden/tiny/qwen2/model-00003-of-00003.safetensors").read_bytes()
    yield whole[8:8 + struct.unpack("<Q", whole[:8])[0]]
    header = json.dumps({"__metadata__": {"format": "pt"}, "a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]},
                         "b": {"dtype": "F32", "shape": [], "data_offsets": [12, 16]}}).encode()
    yield header
    yield struct.pack("<Q", len(header)) + header + bytes(16)


def ggufs(_):
    text = lambda value: struct.pack("<Q", len(value)) + value
    pairs = [(b"general.architecture", 8, text(b"llama")), (b"llama.block_count", 4, struct.pack("<I", 2)),
             (b"llama.rope.freq_base", 6, struct.pack("<f", 1e4)), (b"tokenizer.ggml.add_bos_token", 7, b"\1"),
             (b"tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 2) + text(b"a") + text(b"b")),
             (b"tokenizer.ggml.token_type", 9, struct.pack("<IQii", 5, 2, 1, 3)), (b"general.alignment", 4, struct.pack("<I", 32))]
    for kind, size in [(0, 4 * 64), (8, 34 * 2), (3, 20 * 2)]:  # F32, Q8_0, Q4_1: 64 values
        body = b"GGUF" + struct.pack("<IQQ", 3, 1, len(pairs))
        body += b"".join(text(key) + struct.pack("<I", type_) + value for key, type_, value in pairs)
        body += text(b"token_embd.weight") + struct.pack("<IQQIQ", 2, 32, 2, kind, 0)
        yield body + bytes(-len(body) % 32) + bytes(range(size % 256)) + bytes(size - size % 256)


def rows(_):
    yield "\n".join([TALK.decode(), '{"prompt": "a\\u00e9\\n", "completion": "b", "n": [1, -2.5e-3, true, null]}', "", "[[]]"]).encode()


def main():
    folder = pathlib.Path(sys.argv[1])
    work = folder / "work"
    work.mkdir(parents=True)
    makers = {"template": templates, "tokenizer": tokenizers, "safetensors": safetensors, "gguf": ggufs, "json_rows": rows}
    for name, make in makers.items():
        (folder / name).mkdir()
        for number, seed in enumerate(make(work)):
            (folder / name / str(number)).write_bytes(seed)


if __name__ == "__main__":
    main()
