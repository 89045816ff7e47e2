"""Records golden/adapter/<case>/: adapters as peft saves them, over the tiny models, and what they compute.

    python golden/lora.py [case ...]        (peft 0.21.2, transformers 5.23, torch 2.11)

A folder holds adapter_config.json and adapter_model.safetensors (float32; A, B, magnitudes and whole modules are
random), and vectors.safetensors: logp_0, logp_1 = log-probs of the tokens 1... of the base's two sequences (ids_0 and
ids_1 of golden/tiny/<base>/vectors.safetensors), nll [1] = the mean of -logp over both, grad.<tensor> = its gradient,
under the names of adapter_model.safetensors without their prefix. Computed in float64.
"""
import json, os, shutil, sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from tiny_models import HERE as TINY, keep_double

FOLDER = os.path.join(os.path.dirname(TINY), "adapter")
CASES = {
    "lora": ("llama", dict(r=3, lora_alpha=7, target_modules=["q_proj", "v_proj", "down_proj"])),
    "rslora": ("qwen2", dict(r=4, lora_alpha=6, use_rslora=True, target_modules=r".*\.1\..*(k_proj|gate_proj|up_proj)")),
    "dora": ("llama_bias", dict(r=2, lora_alpha=5, use_dora=True, target_modules="all-linear")),
    "dora_tied": ("qwen3", dict(r=2, lora_alpha=3, use_dora=True, use_rslora=True,
                                target_modules=["q_proj", "k_proj", "o_proj", "up_proj"],
                                rank_pattern={"q_proj": 1, "layers.1.mlp.up_proj": 3},
                                alpha_pattern={r"layers\.0\..*": 4},
                                modules_to_save=["embed_tokens", "input_layernorm", "model.norm"],
                                ensure_weight_tying=True)),
    "whole": ("qwen3_untied", dict(r=2, lora_alpha=4, target_modules=["q_proj", "gate_proj", "v_proj"],
                                   layers_to_transform=[1], exclude_modules=["v_proj"],
                                   modules_to_save=["lm_head", "k_proj", "q_norm"])),
}


def file_name(parameter):
    """The tensor's name in the adapter's file, without the prefix."""
    name = parameter.removeprefix("base_model.model.").replace(".default", "").replace(".modules_to_save", "")
    return name.removesuffix(".weight") if name.endswith("lora_magnitude_vector.weight") else name


def randomise(model, generator):
    with torch.no_grad():
        for name, value in model.named_parameters():
            if not value.requires_grad:
                continue
            noise = torch.randn(value.shape, generator=generator, dtype=torch.float32)
            if "lora_A" in name:
                value.copy_(noise / value.shape[1] ** 0.5)
            elif "lora_B" in name:
                value.copy_(0.5 * noise)
            elif "magnitude" in name:
                value.mul_(1 + 0.2 * noise)
            else:
                value.add_(0.1 * noise)
            value.copy_(value.float())  # what the file can hold


def record(case, seed):
    base, options = CASES[case]
    model = AutoModelForCausalLM.from_pretrained(os.path.join(TINY, base), dtype=torch.float64)
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **options), autocast_adapter_dtype=False)
    model = model.double().train()
    randomise(model, torch.Generator().manual_seed(seed))
    folder = os.path.join(FOLDER, case)
    shutil.rmtree(folder, ignore_errors=True)
    model.peft_config["default"].base_model_name_or_path = "golden/tiny/" + base
    model.save_pretrained(folder)
    path = os.path.join(folder, "adapter_model.safetensors")
    saved = {k: v.float().contiguous() for k, v in load_file(path).items()}
    save_file(saved, path)
    config = os.path.join(folder, "adapter_config.json")
    kept = json.load(open(config))
    open(config, "w").write(json.dumps(kept, indent=2, sort_keys=True) + "\n")
    os.remove(os.path.join(folder, "README.md"))

    given = load_file(os.path.join(TINY, base, "vectors.safetensors"))
    vectors, total, count = {}, 0, 0
    for i in (0, 1):
        ids = given[f"ids_{i}"]
        logp = model(input_ids=ids[None], use_cache=False).logits[0, :-1].log_softmax(-1)
        logp = logp.gather(1, ids[1:, None])[:, 0]
        assert logp.dtype == torch.float64
        vectors[f"logp_{i}"] = logp.detach()
        total, count = total - logp.sum(), count + len(logp)
    nll = total / count
    nll.backward()
    vectors["nll"] = nll.detach().reshape(1)
    for name, value in model.named_parameters():
        if value.requires_grad:
            vectors["grad." + file_name(name)] = value.grad
    names = {"grad." + k.removeprefix("base_model.model.") for k in saved}
    tied = {"grad.lm_head.weight"} if options.get("ensure_weight_tying") else set()  # saved twice
    assert names - tied == {k for k in vectors if k.startswith("grad.")}, names ^ set(vectors)
    save_file({k: v.contiguous() for k, v in vectors.items()}, os.path.join(folder, "vectors.safetensors"))
    for file in os.listdir(folder):
        os.chmod(os.path.join(folder, file), 0o644)
    print(case, nll.item(), sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)) // 1000, "KB")


if __name__ == "__main__":
    keep_double()
    for seed, case in enumerate(CASES):
        if len(sys.argv) < 2 or case in sys.argv[1:]:
            record(case, 200 + seed)
