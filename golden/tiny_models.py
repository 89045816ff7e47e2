"""Records golden/tiny/<name>/: random two-layer models as transformers saves them, and what they compute.

    python golden/tiny_models.py        (transformers 5.23, torch 2.11)

A folder holds config.json, generation_config.json, model.safetensors (or shards) in float32, and
vectors.safetensors: ids_0, ids_1 (two sequences), logits_0, logits_1 [T, V], nll [1] = mean over every
predicted token of both, grad.<parameter> = its gradient (ids leave out the pad token, whose embedding transformers
does not train). All computed in float64: norms and RoPE are kept from
falling to float32 as transformers would let them, and attention is torch's own in double.
"""
import json, os, shutil, sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from safetensors.torch import save_file
from transformers import (LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config,
                          Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)
from transformers.models.llama import modeling_llama
from transformers.models.mistral import modeling_mistral
from transformers.models.qwen2 import modeling_qwen2
from transformers.models.qwen3 import modeling_qwen3

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tiny")


def norm_forward(self, hidden_states):
    variance = hidden_states.pow(2).mean(-1, keepdim=True)
    return self.weight * (hidden_states * torch.rsqrt(variance + self.variance_epsilon))


def rope_forward(self, x, position_ids):
    freqs = position_ids[..., None].to(x.dtype) * self.inv_freq.to(x.dtype)
    angles = torch.cat((freqs, freqs), dim=-1)
    return angles.cos() * self.attention_scaling, angles.sin() * self.attention_scaling


def keep_double():
    for module, name in ((modeling_llama, "Llama"), (modeling_mistral, "Mistral"), (modeling_qwen2, "Qwen2"),
                         (modeling_qwen3, "Qwen3")):
        getattr(module, name + "RMSNorm").forward = norm_forward
        getattr(module, name + "RotaryEmbedding").forward = rope_forward


BASE = dict(vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0,
            attention_dropout=0.0)
LLAMA, MISTRAL, QWEN2, QWEN3 = ((LlamaConfig, LlamaForCausalLM), (MistralConfig, MistralForCausalLM),
                                (Qwen2Config, Qwen2ForCausalLM), (Qwen3Config, Qwen3ForCausalLM))


def rope(kind, max_positions=64, **more):
    return dict(vocab_size=64, max_position_embeddings=max_positions, rope_parameters={"rope_type": kind, "rope_theta": 10000.0, **more})


MODELS = {
    "llama": (LLAMA, {}, None),
    "llama_tied": (LLAMA, dict(tie_word_embeddings=True, num_key_value_heads=4, rms_norm_eps=1e-5), None),
    "llama_bias": (LLAMA, dict(attention_bias=True, mlp_bias=True, head_dim=24, num_key_value_heads=1,
                                intermediate_size=32), None),
    "llama_llama3": (LLAMA, rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                 original_max_position_embeddings=200,
                                 max_positions=1600), None),
    "llama_linear": (LLAMA, rope("linear", factor=4.0), None),
    "llama_yarn": (LLAMA, rope("yarn", factor=4.0, original_max_position_embeddings=256, max_positions=1024), None),
    "llama_dynamic": (LLAMA, rope("dynamic", factor=4.0), None),
    "qwen2": (QWEN2, dict(rope_parameters={"rope_type": "default", "rope_theta": 1e6}), "40KB"),
    "qwen2_tied": (QWEN2, dict(tie_word_embeddings=True), None),
    "qwen3": (QWEN3, dict(tie_word_embeddings=True, head_dim=16,
                          rope_parameters={"rope_type": "default", "rope_theta": 1e6}), None),
    "qwen3_untied": (QWEN3, dict(head_dim=8, eos_token_id=[2, 5]), "40KB"),
    "mistral": (MISTRAL, dict(sliding_window=6, head_dim=8), None),
    "qwen2_window": (QWEN2, dict(use_sliding_window=True, sliding_window=5, max_window_layers=1), None),
}


def record(name, seed):
    (config_class, model_class), changes, shard = MODELS[name]
    generator = torch.Generator().manual_seed(seed)
    model = model_class._from_config(config_class(**{**BASE, **changes}), attn_implementation="sdpa")
    with torch.no_grad():
        for key, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            if "norm" in key:
                value.copy_(1 + 0.2 * noise)
            elif key.endswith("bias"):
                value.copy_(0.3 * noise)
            elif "embed" in key:
                value.copy_(0.5 * noise)
            else:
                value.copy_(1.5 * noise / value.shape[1] ** 0.5)
    folder = os.path.join(HERE, name)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))

    model = model.double().train()
    vocabulary = model.config.vocab_size
    vectors, total, count = {}, 0, 0
    for i, length in enumerate((21, 9)):
        ids = torch.randint(3, vocabulary, (1, length), generator=generator)
        logits = model(input_ids=ids, use_cache=False).logits[0]
        assert logits.dtype == torch.float64
        vectors[f"ids_{i}"] = ids[0]
        vectors[f"logits_{i}"] = logits.detach()
        total = total + torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:], reduction="sum")
        count += length - 1
    nll = total / count
    nll.backward()
    vectors["nll"] = nll.detach().reshape(1)
    for key, value in model.named_parameters():
        vectors["grad." + key] = value.grad
    save_file({k: v.contiguous() for k, v in vectors.items()}, os.path.join(folder, "vectors.safetensors"))
    for file in os.listdir(folder):
        os.chmod(os.path.join(folder, file), 0o644)
    print(name, nll.item(), sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)) // 1000, "KB")


if __name__ == "__main__":
    keep_double()
    for seed, name in enumerate(MODELS):
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            record(name, 100 + seed)
