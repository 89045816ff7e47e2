"""Records golden/sft.json and golden/sft.safetensors: one optimizer step of TRL's SFTTrainer on the tiny Llama.

    python golden/sft.py        (trl 1.16.0, transformers 5.23, torch 2.11; needs golden/tiny/llama)

A real `SFTTrainer.train()` runs one step at learning rate 0 over six rows with a completion mask, as three
micro-batches of two (and, for comparison, as one of six), all in float64.

sft.json:        rows of tokens with `trained` (1: this token is a target), and for each way to accumulate: loss as
                 TRL logs it, and the micro-batches in TRL's order with rows, logp and grad = ∂loss/∂logp of their
                 trained tokens
sft.safetensors: ∂loss/∂parameter of the whole step by name (the same for both ways)
"""
import json, os, sys, tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from datasets import Dataset
from safetensors.torch import save_file
from tokenizers import Tokenizer, models
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from trl import SFTConfig, SFTTrainer
from trl.kernels import chunked_logprob

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from tiny_models import keep_double

torch.set_num_threads(1)
LENGTHS = [(4, 9), (2, 1), (6, 3), (1, 12), (3, 5), (5, 2)]  # prompt, completion


class Double:
    """torch for TRL's fused head, which computes in float32, with that word meaning float64."""

    float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


def keep_head_double():
    chunked_logprob.torch = Double()
    torch.Tensor.float = torch.Tensor.double


def rows():
    generator = torch.Generator().manual_seed(3)
    out = []
    for prompt, completion in LENGTHS:
        ids = torch.randint(3, 96, (prompt + completion,), generator=generator).tolist()
        out.append({"input_ids": ids, "completion_mask": [0] * prompt + [1] * completion})
    return out


class Recording(SFTTrainer):
    """Keeps each micro-batch's log-probs and their gradients."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        kept = {"input_ids": inputs["input_ids"].tolist()}
        forward = model.forward

        def watched(*args, **kwargs):
            outputs = forward(*args, **kwargs)
            assert outputs.log_probs.dtype == torch.float64
            outputs.log_probs.retain_grad()
            kept.update(log_probs=outputs.log_probs, mask=outputs.label_mask)
            return outputs

        model.forward = watched
        try:
            loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        finally:
            model.forward = forward
        self.kept.append(kept)
        self.total += loss.item()
        return loss


class Gradients(TrainerCallback):
    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        self.found = {k: v.grad.clone() for k, v in model.named_parameters()}


def record(data, micro_batch, trainer_type=Recording, **more):
    model = LlamaForCausalLM.from_pretrained(os.path.join(HERE, "tiny", "llama"), dtype=torch.float64)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({f"w{i}": i for i in range(96)}, unk_token="w0")), pad_token="w0",
        eos_token="w2")
    args = SFTConfig(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=micro_batch,
                     gradient_accumulation_steps=len(data) // micro_batch, max_steps=1, learning_rate=0.0,
                     max_grad_norm=0.0, completion_only_loss=True, report_to="none",
                     bf16=False, use_cpu=True, gradient_checkpointing=False, save_strategy="no",
                     logging_steps=1, disable_tqdm=True, **more)
    gradients = Gradients()
    trainer = trainer_type(model=model, args=args, train_dataset=Dataset.from_list(data), processing_class=tokenizer,
                        callbacks=[gradients])
    trainer.kept, trainer.total = [], 0.0
    trainer.train()
    logged = next(entry["loss"] for entry in trainer.state.log_history if "loss" in entry)
    assert abs(logged - trainer.total) < 1e-3, (logged, trainer.total)  # what is logged is rounded
    batches = []
    for kept in trainer.kept:
        mask = kept["mask"].bool()
        order = [next(i for i, row in enumerate(data) if row["input_ids"] == ids[:len(row["input_ids"])])
                 for ids in kept["input_ids"]]
        assert mask.sum().item() == sum(sum(data[i]["completion_mask"]) for i in order)
        batches.append({"rows": order, "logp": kept["log_probs"][mask].tolist(),
                        "grad": kept["log_probs"].grad[mask].tolist()})
    return {"loss": trainer.total, "micro_batches": batches}, gradients.found


def main():
    keep_double()
    keep_head_double()
    data = rows()
    runs, found = {}, []
    for name, micro_batch in (("accumulated", 2), ("whole", 6)):
        runs[name], gradients = record(data, micro_batch)
        found.append(gradients)
    worst = max((found[0][k] - found[1][k]).abs().max().item() for k in found[0])
    assert worst < 1e-12, worst
    with open(os.path.join(HERE, "sft.json"), "w") as file:
        shown = [{"tokens": r["input_ids"], "trained": r["completion_mask"]} for r in data]
        json.dump({"model": "tiny/llama", "rows": shown, **runs}, file)
        file.write("\n")
    save_file({k: v.contiguous() for k, v in found[0].items()}, os.path.join(HERE, "sft.safetensors"))
    os.chmod(os.path.join(HERE, "sft.safetensors"), 0o644)
    print(runs["whole"]["loss"], worst)


if __name__ == "__main__":
    main()
