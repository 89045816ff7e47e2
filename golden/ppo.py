"""Records golden/ppo.json: what the last PPOTrainer of TRL and verl's core_algos compute from given rewards, values
and log-probs.

    python golden/ppo.py TRL VERL        (trl 1.12.0 and verl 0.9.1, the wheels unpacked into these folders; torch 2.11)

TRL computes rewards, advantages and losses inside PPOTrainer.train: its lines are cut out of that function and run as
they are. TRL puts the score behind the last token where there is room; here `sequence_lengths_p1` is given as
`sequence_lengths`, so that it sits on the last token. verl's file is loaded as golden/policy_verl.py loads it. All in
float64, but for RunningMoments, which is in float32.

rows:       lengths of the answers; logp (of sampling), ref_logp, values of their tokens; scores
estimates:  options, advantages and returns of the tokens, kl, non_score_reward and entropy of the batch
losses:     options, logp, old_logp, advantages, values, old_values, returns of tokens; policy_loss, value_loss, their
            gradients, clipfracs
dual:       the same of verl's loss `vanilla`, with its value loss
kl_control: kl_coef, target, horizon, answers, kls, and the coefficients after each
moments:    batches of rewards, mean and std after each
"""
import json, os, random, sys, textwrap, types

import torch

TRL, VERL = sys.argv[1:3]
HERE = os.path.dirname(os.path.abspath(__file__))
sys.argv[1:] = [VERL]
source = open(os.path.join(HERE, "policy_verl.py")).read()
exec(source[: source.index("\ndef main")])  # loads core_algos
torch.set_default_dtype(torch.float64)

LENGTHS = [5, 1, 3, 6, 2, 4]
SCORES = [1.0, 0.0, -0.5, 0.75, 2.0, 0.25]
LONGEST = max(LENGTHS)


def trl_file(name):
    return open(os.path.join(TRL, "trl/experimental", name)).read()


def cut(text, first, last):
    """The lines from the one that begins with `first` to the one that begins with `last`, which is left out."""
    lines = text.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.strip().startswith(first))
    end = next(i for i in range(begin, len(lines)) if lines[i].strip().startswith(last))
    return textwrap.dedent("\n".join(lines[begin:end]))


TRAINER = trl_file("ppo/ppo_trainer.py")
FUNCTIONS = {"torch": torch, "INVALID_LOGPROB": 1.0}
exec(cut(TRAINER, "def masked_mean", "# taken from"), FUNCTIONS)


def column(draw, make):
    return torch.tensor([[make(draw) for _ in range(LONGEST)] for _ in LENGTHS])


def estimate(batch, padding, **options):
    args = types.SimpleNamespace(**{"kl_estimator": "k1", "kl_coef": 0.05, "whiten_rewards": False, "gamma": 1.0,
                                    "lam": 0.95, **options})
    last = torch.tensor(LENGTHS) - 1
    space = {**FUNCTIONS, "args": args, "padding_mask": padding, "padding_mask_p1": padding,
             "sequence_lengths": last, "sequence_lengths_p1": last, "responses": torch.zeros(len(LENGTHS), LONGEST),
             "scores": torch.tensor(SCORES), **{k: v.clone() for k, v in batch.items()}}
    exec(cut(TRAINER, "# 4. compute rewards", "empty_cache()"), space)
    exec(cut(TRAINER, "mean_kl = ", "rlhf_reward ="), space)
    flat = lambda x: x[~padding].tolist()
    return {"options": options, "advantages": flat(space["advantages"]), "returns": flat(space["returns"]),
            "objective/kl": space["mean_kl"].item(), "objective/entropy": space["mean_entropy"].item(),
            "objective/non_score_reward": space["mean_non_score_reward"].item()}


def losses(rows, padding, **options):
    args = types.SimpleNamespace(**{"cliprange": 0.2, "cliprange_value": 0.2, "vf_coef": 0.1, **options})
    leaf, value = rows["logp"].clone().requires_grad_(), rows["values"].clone().requires_grad_()
    zeroed = lambda x, by=0.0: torch.masked_fill(x, padding, by)
    space = {**FUNCTIONS, "args": args, "padding_mask": padding, "padding_mask_p1": padding,
             "micro_batch_inds": slice(None), "new_logprobs": zeroed(leaf, 1.0),
             "mb_logprobs": zeroed(rows["old_logp"], 1.0), "mb_advantage": zeroed(rows["advantages"]),
             "vpred": zeroed(value), "mb_values": zeroed(rows["old_values"]), "mb_return": zeroed(rows["returns"])}
    exec(cut(TRAINER, "vpredclipped = torch.clamp", "accelerator.backward(loss)"), space)
    exec(cut(TRAINER, "pg_clipfrac = masked_mean", "prob_dist ="), space)
    space["loss"].backward()
    return {"options": options, "policy_loss": space["pg_loss"].item(), "value_loss": space["vf_loss"].item(),
            "grad": leaf.grad[~padding].tolist(), "value_grad": value.grad[~padding].tolist(),
            "policy/clipfrac_avg": space["pg_clipfrac"].item(), "val/clipfrac_avg": space["vf_clipfrac"].item()}


def dual(rows, mask):
    class Config(types.SimpleNamespace):
        def get(self, name, default):
            return getattr(self, name, default)
    config = Config(clip_ratio=0.2, clip_ratio_low=0.2, clip_ratio_high=0.2, clip_ratio_c=1.5, global_batch_info={})
    leaf, value = rows["logp"].clone().requires_grad_(), rows["values"].clone().requires_grad_()
    loss, _ = core_algos.get_policy_loss_fn("vanilla")(
        old_log_prob=rows["old_logp"], log_prob=leaf, advantages=rows["advantages"] * mask, response_mask=mask,
        loss_agg_mode="token-mean", config=config)
    worth, clipped = core_algos.compute_value_loss(vpreds=value, returns=rows["returns"], values=rows["old_values"],
                                                   response_mask=mask, cliprange_value=0.5)
    (loss + worth).backward()
    chosen = mask.bool()
    return {"options": {"delta": 1.5, "cliprange_value": 0.5, "vf_coef": 1.0}, "policy_loss": loss.item(),
            "value_loss": worth.item(), "grad": leaf.grad[chosen].tolist(), "value_grad": value.grad[chosen].tolist(),
            "val/clipfrac_avg": float(clipped)}


def verl_estimate(batch, mask):
    rewards = torch.zeros_like(mask)
    for row, n in enumerate(LENGTHS):
        rewards[row, n - 1] = SCORES[row]
    advantages, returns = core_algos.compute_gae_advantage_return(rewards, batch["values"] * mask, mask, 0.9, 0.8)
    return {"options": {"kl_coef": 0, "gamma": 0.9, "lam": 0.8}, "advantages": advantages[mask.bool()].tolist(),
            "returns": returns[mask.bool()].tolist()}


def kl_control():
    coef, target, horizon, answers = 0.05, 0.1, 100, 16
    control = core_algos.AdaptiveKLController(coef, target, horizon)
    kls, coefs = [0.0, 0.05, 0.1, 0.11, 0.4, -0.02], []
    for kl in kls:
        control.update(kl, answers)
        coefs.append(float(control.value))
    return {"kl_coef": coef, "target": target, "horizon": horizon, "answers": answers, "kls": kls, "coefs": coefs}


def moments():
    text = trl_file("bco/bco_trainer.py")
    space = {"torch": torch, "Accelerator": object}
    exec("from dataclasses import dataclass\n@dataclass\n" + cut(text, "class RunningMoments", "def save_to_json"), space)
    running = space["RunningMoments"](types.SimpleNamespace(use_distributed=False))
    batches, after = [[1.0, 0.0, 0.5], [0.25, 0.25], [-3.0, 2.0, 0.0, 1.0]], []
    for batch in batches:
        running.update(torch.tensor(batch))
        after.append({"mean": running.mean, "std": running.std})
    return {"batches": batches, "after": after}


def main():
    draw = random.Random(11)
    padding = torch.tensor([[t >= n for t in range(LONGEST)] for n in LENGTHS])
    mask = (~padding).double()
    logp = column(draw, lambda d: -d.uniform(0.05, 4))
    batch = {"logprobs": torch.masked_fill(logp, padding, 1.0),
             "ref_logprobs": torch.masked_fill(logp + column(draw, lambda d: d.gauss(0, 0.4)), padding, 1.0),
             "values": torch.masked_fill(column(draw, lambda d: d.gauss(0.3, 0.5)), padding, 0.0)}
    old = column(draw, lambda d: -d.uniform(0.05, 4))
    rows = {"logp": torch.clamp(old + column(draw, lambda d: d.gauss(0, 0.4)), max=-0.01), "old_logp": old,
            "advantages": column(draw, lambda d: d.gauss(0, 1)), "old_values": column(draw, lambda d: d.gauss(0, 1))}
    rows["values"] = rows["old_values"] + column(draw, lambda d: d.gauss(0, 0.3))
    rows["returns"] = rows["old_values"] + column(draw, lambda d: d.gauss(0, 1))
    flat = lambda x: x[~padding].tolist()
    estimates = [estimate(batch, padding, **options) for options in (
        {}, {"kl_estimator": "k3"}, {"whiten_rewards": True}, {"gamma": 0.9, "lam": 0.8},
        {"kl_coef": 0.5, "kl_estimator": "k3", "whiten_rewards": True, "gamma": 0.99, "lam": 1.0})]
    estimates.append(verl_estimate(batch, mask))
    with open(os.path.join(HERE, "ppo.json"), "w") as file:
        json.dump({"rows": {"lengths": LENGTHS, "scores": SCORES, "logp": flat(batch["logprobs"]),
                            "ref_logp": flat(batch["ref_logprobs"]), "values": flat(batch["values"])},
                   "estimates": estimates,
                   "steps": {name: flat(value) for name, value in rows.items()},
                   "losses": [losses(rows, padding, **options) for options in (
                       {}, {"cliprange": 0.1, "cliprange_value": 0.5}, {"vf_coef": 0.5})] + [dual(rows, mask)],
                   "kl_control": kl_control(), "moments": moments()}, file)
        file.write("\n")


main()
