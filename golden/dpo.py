"""Records golden/dpo.json and golden/dpo.safetensors: what TRL's preference trainers compute.

    python golden/dpo.py        (trl 1.16.0, transformers 5.23, torch 2.11; needs golden/tiny/llama, llama_bias)

Losses come from TRL's own functions over given per-token log-probs: DPOTrainer._compute_loss and the
get_batch_loss_metrics of CPOTrainer and ORPOTrainer, with a stand-in for the model that returns a leaf. The step is a
real DPOTrainer.train() at learning rate 0 on the tiny Llama, with another tiny model as reference. All in float64, but
for the cases marked float32: TRL's alpha divergence knows no float64.

dpo.json:        pairs: tokens of the answers (prompt lengths for ORPO, whose prompt tokens have log-probs too), their
                 logp, ref_logp and log Σp²
                 cases: trainer, options, loss, grad = ∂loss/∂logp in the order of chosen answers, then rejected ones,
                 metrics; ORPO's grad begins with the prompts of the chosen answers
                 step: rows of tokens, loss, metrics of the step
dpo.safetensors: ∂loss/∂parameter of the step by name
"""
import json, os, random, sys, tempfile
from collections import defaultdict
from types import SimpleNamespace

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
import torch
from datasets import Dataset
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from trl import DPOConfig, DPOTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer
from trl.kernels import chunked_logprob

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from tiny_models import keep_double

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
PROMPT = 2
CHOSEN, REJECTED = [5, 1, 3, 4, 7], [3, 2, 3, 6, 1]


class Stub:
    """The attributes that TRL's functions read from their trainer."""

    aux_loss_enabled = precompute_ref_logps = is_encoder_decoder = False
    _total_train_tokens, _tp_size = 0, 1
    accelerator = SimpleNamespace(device="cpu", gather=lambda x: x, gather_for_metrics=lambda x: x)

    def __init__(self, **attributes):
        self._metrics = {"train": defaultdict(list)}
        self.__dict__.update(attributes)


class Spoken(torch.nn.Module):
    """A model that answers with given numbers."""

    is_gradient_checkpointing = False

    def __init__(self, log_probs, log_sum_sq_probs=None):
        super().__init__()
        self.answer = SimpleNamespace(log_probs=log_probs, log_sum_sq_probs=log_sum_sq_probs,
                                      entropy=torch.zeros_like(log_probs), mean_logits=torch.zeros_like(log_probs),
                                      is_top1=torch.zeros_like(log_probs).bool())

    def forward(self, **_):
        return self.answer


def placed(flat, mask, dtype):
    out = torch.zeros(mask.shape, dtype=dtype)
    out[mask] = torch.tensor(flat, dtype=dtype)
    return out


def dpo(pairs, dtype=torch.float64, **options):
    lengths = CHOSEN + REJECTED
    longest = PROMPT + max(lengths)
    completion = torch.tensor([[int(PROMPT <= t < PROMPT + n) for t in range(longest)] for n in lengths])
    mask = completion[:, 1:].bool()
    leaf = placed(pairs["logp"], mask, dtype).requires_grad_()
    o = {"beta": 0.1, "loss_type": ["sigmoid"], "loss_weights": None, "label_smoothing": 0.0, "ld_alpha": None,
         "f_divergence_type": "reverse_kl", "f_alpha_divergence_coef": 0.5, "use_weighting": False,
         "discopop_tau": 0.05, **options}
    policy = Spoken(leaf, placed(pairs["log_sum_sq"], mask, dtype))
    made = Stub(args=SimpleNamespace(discopop_tau=o["discopop_tau"], gradient_checkpointing_kwargs=None), model=policy,
                ref_model=Spoken(placed(pairs["ref_logp"], mask, dtype)), loss_types=o["loss_type"],
                f_alpha_divergence_coef=o["f_alpha_divergence_coef"], beta=o["beta"], ld_alpha=o["ld_alpha"],
                f_divergence_type=o["f_divergence_type"], label_smoothing=o["label_smoothing"],
                use_weighting=o["use_weighting"])
    made.loss_weights = o["loss_weights"] or [1.0] * len(o["loss_type"])
    loss = DPOTrainer._compute_loss(made, policy, {
        "input_ids": torch.zeros(completion.shape, dtype=torch.long), "attention_mask": torch.ones_like(completion),
        "completion_mask": completion}, False)
    loss.backward()
    wanted = ("rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins", "logps/chosen",
              "logps/rejected")
    return {"trainer": "dpo", "options": options, "float32": dtype == torch.float32, "loss": loss.item(),
            "grad": leaf.grad[mask].tolist(), "metrics": {k: made._metrics["train"][k][0] for k in wanted}}


def sums(leaf, lengths, mean):
    parts = leaf.split(lengths)
    return torch.stack([p.mean() if mean else p.sum() for p in parts])


def without_reference(name, pairs, **options):
    leaf = torch.tensor(pairs["logp"]).requires_grad_()
    prompt = torch.tensor(pairs["prompt_logp"]).requires_grad_()
    o = {"beta": 0.1, "loss_type": "sigmoid", "label_smoothing": 0.0, "cpo_alpha": 1.0, "simpo_gamma": 0.5,
         "alpha": 0.0, **options}
    mean = name == "orpo" or o["loss_type"] in ("ipo", "simpo")
    logps = sums(leaf, CHOSEN + REJECTED, mean)
    p, own = len(CHOSEN), leaf[:sum(CHOSEN)]
    nll = -torch.cat([prompt, own]).mean() if name == "orpo" else -own.mean()
    zero = torch.zeros(())
    trainer = {"cpo": CPOTrainer, "orpo": ORPOTrainer}[name]
    made = Stub(**o, concatenated_forward=lambda *_: (logps[:p], logps[p:], zero, zero, nll))
    for method in ("cpo_loss", "odds_ratio_loss"):
        if hasattr(trainer, method):
            setattr(made, method, getattr(trainer, method).__get__(made))
    loss, metrics = trainer.get_batch_loss_metrics(made, None, {})
    loss.backward()
    grad = leaf.grad.tolist()
    if name == "orpo":
        grad = prompt.grad.tolist() + grad
    wanted = [k for k in metrics if not k.startswith("logits/")]
    return {"trainer": name, "options": options, "float32": False, "loss": loss.item(), "grad": grad,
            "metrics": {k: float(metrics[k]) for k in wanted}}


def random_pairs():
    draw = random.Random(12)
    n = sum(CHOSEN) + sum(REJECTED)
    logp = [-draw.uniform(0.05, 4) for _ in range(n)]
    return {"prompt_tokens": PROMPT, "chosen_tokens": CHOSEN, "rejected_tokens": REJECTED, "logp": logp,
            "ref_logp": [min(x + draw.gauss(0, 0.6), -0.01) for x in logp],
            "log_sum_sq": [-draw.uniform(0.02, 3) for _ in range(n)],
            "prompt_logp": [-draw.uniform(0.05, 4) for _ in range(PROMPT * len(CHOSEN) - len(CHOSEN))]}


def cases(pairs):
    plain = ["sigmoid", "hinge", "ipo", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired",
             "apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm"]
    out = [dpo(pairs, loss_type=[name]) for name in plain]
    out += [dpo(pairs, loss_type=[name], label_smoothing=0.1, beta=0.3)
            for name in ("exo_pair", "robust", "aot", "aot_unpaired")]
    with_divergence = ["sigmoid", "hinge", "ipo", "exo_pair", "robust", "discopop", "sigmoid_norm"]
    for divergence in ("forward_kl", "js_divergence"):
        out += [dpo(pairs, loss_type=[name], label_smoothing=0.1, f_divergence_type=divergence)
                for name in with_divergence]
    for coefficient in (0.5, 1.0, 1.5):
        out.append(dpo(pairs, torch.float32, f_divergence_type="alpha_divergence",
                       f_alpha_divergence_coef=coefficient))
    out += [dpo(pairs, ld_alpha=a) for a in (0.0, 0.4, 1.0)] + [dpo(pairs, loss_type=["ipo"], ld_alpha=0.4)]
    out += [dpo(pairs, use_weighting=True), dpo(pairs, loss_type=["ipo", "robust"], use_weighting=True)]
    out += [dpo(pairs, loss_type=["sigmoid", "bco_pair", "sft"], loss_weights=[0.8, 0.2, 1.0]),
            dpo(pairs, loss_type=["sigmoid", "sft"])]
    others = [("cpo", {"loss_type": name}) for name in ("sigmoid", "hinge", "ipo", "simpo")]
    others += [("cpo", {"loss_type": "simpo", "cpo_alpha": 0.0, "beta": 2.0, "simpo_gamma": 1.0}),
               ("cpo", {"loss_type": "simpo", "cpo_alpha": 0.0, "label_smoothing": 0.1, "alpha": 0.2}),
               ("cpo", {"label_smoothing": 0.2, "cpo_alpha": 0.5}), ("orpo", {}), ("orpo", {"beta": 0.5})]
    return out + [in_double(without_reference, name, pairs, **options) for name, options in others]


class Double:
    """torch for TRL's fused head, which computes in float32, with that word meaning float64."""

    float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


class Gradients(TrainerCallback):
    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        self.found = {k: v.grad.clone() for k, v in model.named_parameters()}


def words(draw, n):
    return " " + " ".join(f"w{draw.randrange(3, 96)}" for _ in range(n))


def step(trainer_class, config_class, rows, columns, wanted):
    """One step of a real trainer on the tiny Llama: its tokens, loss and metrics, and the gradients."""
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2, **{f"w{i}": i for i in range(3, 96)}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>")
    load = lambda name: LlamaForCausalLM.from_pretrained(os.path.join(HERE, "tiny", name), dtype=torch.float64)
    gradients = Gradients()
    args = config_class(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=len(rows), max_steps=1,
                        learning_rate=0.0, max_grad_norm=0.0, report_to="none", bf16=False, use_cpu=True,
                        gradient_checkpointing=False, save_strategy="no", logging_steps=1, disable_tqdm=True)
    trainer = trainer_class(model=load("llama"), ref_model=load("llama_bias"), args=args,
                            train_dataset=Dataset.from_list(rows), processing_class=tokenizer, callbacks=[gradients])
    losses, kept = [], {}
    compute = trainer._compute_loss

    def watched(*given):
        loss = compute(*given)
        losses.append(loss.item())
        kept.update({k: v[-1] for k, v in trainer._metrics["train"].items()})  # what is logged is rounded
        return loss

    trainer._compute_loss = watched
    trainer.train()
    tokens = [{name: row[column] for name, column in columns.items()} for row in trainer.train_dataset]
    metrics = {k: v for k, v in kept.items() if k.startswith(("rewards/", "logps/")) or k in wanted}
    return {"model": "tiny/llama", "reference": "tiny/llama_bias", "rows": tokens, "loss": losses[0],
            "metrics": metrics}, gradients.found


def dpo_step():
    draw = random.Random(5)
    rows = [{"prompt": words(draw, a).strip(), "chosen": words(draw, b), "rejected": words(draw, c)}
            for a, b, c in ((4, 9, 5), (2, 1, 3), (6, 3, 3), (1, 8, 10))]
    return step(DPOTrainer, DPOConfig, rows, {k: k + "_ids" for k in ("prompt", "chosen", "rejected")}, ("entropy",))


def in_double(function, *given, **options):
    """With `x.float()` meaning float64."""
    kept, torch.Tensor.float = torch.Tensor.float, torch.Tensor.double
    try:
        return function(*given, **options)
    finally:
        torch.Tensor.float = kept


def write(name, content, found):
    """golden/name.json, and the gradients of its step."""
    with open(os.path.join(HERE, name + ".json"), "w") as file:
        json.dump(content, file)
        file.write("\n")
    path = os.path.join(HERE, name + ".safetensors")
    save_file({k: v.contiguous() for k, v in found.items()}, path)
    os.chmod(path, 0o644)


def main():
    keep_double()
    chunked_logprob.torch = Double()
    pairs = random_pairs()
    recorded = cases(pairs)
    recorded_step, found = in_double(dpo_step)
    write("dpo", {"pairs": pairs, "cases": recorded, "step": recorded_step}, found)
    print(len(recorded), recorded_step["loss"])


if __name__ == "__main__":
    main()
