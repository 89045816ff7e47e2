"""Decoding by transformers or llama.cpp, timed: one JSON line {"tokens_per_second": n}, without the prompt's part.

    generate.py transformers MODEL ROWS.jsonl --dtype float32 --samples 8 --tokens 64
    generate.py llama.cpp MODEL.gguf ROWS.jsonl --tokens 64

Every prompt is answered `samples` times, all in one batch; the time of a short run is taken from that of a long one.
llama.cpp answers the first prompt once.
"""
import argparse
import json
import time

parser = argparse.ArgumentParser()
parser.add_argument("peer", choices=["transformers", "llama.cpp"])
parser.add_argument("model")
parser.add_argument("rows")
parser.add_argument("--dtype", default="float32")
parser.add_argument("--samples", type=int, default=8)
parser.add_argument("--tokens", type=int, default=64)
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
prompts = [json.loads(line)["prompt"] for line in open(args.rows)]
SHORT = 8


def transformers():
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    torch.set_num_threads(args.threads)
    tokenizer = AutoTokenizer.from_pretrained(args.model, padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=getattr(torch, args.dtype))
    inputs = tokenizer(prompts, return_tensors="pt", padding=True)

    def seconds(tokens):
        begun = time.perf_counter()
        model.generate(**inputs, do_sample=True, top_k=0, top_p=1.0, num_return_sequences=args.samples,
                       min_new_tokens=tokens, max_new_tokens=tokens)
        return time.perf_counter() - begun

    seconds(2)
    return len(prompts) * args.samples, seconds


def llama_cpp():
    from llama_cpp import Llama
    model = Llama(args.model, n_ctx=1024, n_threads=args.threads, n_threads_batch=args.threads, verbose=False)
    prompt = model.tokenize(prompts[0].encode())

    def seconds(tokens):
        model.reset()
        model.eval(prompt)
        begun = time.perf_counter()
        for _ in range(tokens):
            model.eval([model.sample(temp=0.0)])
        return time.perf_counter() - begun

    seconds(2)
    return 1, seconds


at_once, seconds = transformers() if args.peer == "transformers" else llama_cpp()
short, long = seconds(SHORT), seconds(SHORT + args.tokens)
print(json.dumps({"tokens_per_second": at_once * args.tokens / (long - short)}))
