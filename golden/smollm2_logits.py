"""Records golden/smollm2_logits.json: what transformers computes with SmolLM2-135M-Instruct.Q4_1.gguf.

    python golden/smollm2_logits.py        (transformers 5.23, torch 2.11; a minute)

ids: 48 tokens of a fixed text. positions: at each, the 20 largest logits ("top": [id, value]…) and the values of
256 ids ("chosen"), in float64 (see tiny_models.py) from the float32 weights; float32_noise is how far
transformers' own float32 lies from them. logprobs: of ids[1:], natural log. greedy: a chat prompt's ids, the 64 tokens
that float32 chooses one after another, and at each step how far the best logit is ahead of the second.
"""
import json, os

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import tiny_models

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER, FILE = os.path.join(HERE, "../.deps/models"), "SmolLM2-135M-Instruct.Q4_1.gguf"
TEXT = ("The river rises in the hills above the town, turns east past the old mill, and reaches the sea after "
        "ninety-seven kilometres. In 1843 a bridge was built where the ferry used to cross; it is still in use today.")
CHAT = ("<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nExplain in a few sentences why the sky is blue.<|im_end|>\n<|im_start|>assistant\n")

tokenizer = AutoTokenizer.from_pretrained(FOLDER, gguf_file=FILE)
model = AutoModelForCausalLM.from_pretrained(FOLDER, gguf_file=FILE, dtype=torch.float32).eval()
with torch.no_grad():
    ids = tokenizer(TEXT, add_special_tokens=False).input_ids[:48]
    assert len(ids) == 48
    plain = model(input_ids=torch.tensor([ids])).logits[0]

    prompt = tokenizer(CHAT, add_special_tokens=False).input_ids
    tokens, gaps, feed, cache = [], [], torch.tensor([prompt]), None
    for _ in range(64):
        out = model(input_ids=feed, past_key_values=cache, use_cache=True)
        best = out.logits[0, -1].topk(2)
        tokens.append(int(best.indices[0]))
        gaps.append(round(float(best.values[0] - best.values[1]), 6))
        feed, cache = torch.tensor([[tokens[-1]]]), out.past_key_values

    tiny_models.keep_double()
    exact = model.double()(input_ids=torch.tensor([ids])).logits[0]
    logprobs = exact.log_softmax(-1)[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]

chosen = sorted(set(range(0, 49152, 192)))
assert len(chosen) == 256
positions = {}
for p in (0, 1, 7, 15, 31, 47):
    top = exact[p].topk(20)
    positions[p] = {"top": [[int(i), round(float(v), 7)] for v, i in zip(top.values, top.indices)],
                    "chosen": [round(float(exact[p, i]), 7) for i in chosen]}
result = {"ids": ids, "chosen_ids": chosen, "positions": positions, "logprobs": [round(float(v), 8) for v in logprobs],
          "float32_noise": float((plain.double() - exact).abs().max()),
          "greedy": {"prompt": prompt, "tokens": tokens, "gaps": gaps, "text": tokenizer.decode(tokens)}}
with open(os.path.join(HERE, "smollm2_logits.json"), "w") as file:
    json.dump(result, file, separators=(",", ":"))
print(result["float32_noise"], min(gaps), result["greedy"]["text"], ids)
