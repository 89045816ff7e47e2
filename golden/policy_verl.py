"""Records golden/policy_verl.json: what verl's core_algos computes from given rewards and log-probs.

    python golden/policy_verl.py FOLDER        (verl 0.9.1, the wheel unpacked into FOLDER; torch 2.11)

verl's file of formulas is run as it is; the packages it imports and does not use there are replaced by mocks. All in
float64.

batch:      lengths of the answers, samples (answers a prompt), rewards
advantages: estimator, the advantage of each answer's first token (all its tokens have the same)
losses:     name, options, logp, old_logp, advantages of the answers, loss, grad
"""
import json, os, random, sys, types
from unittest.mock import MagicMock

import numpy as np
import torch

FOLDER = sys.argv[1]
for name, path in (("verl", "verl"), ("verl.utils", "verl/utils"), ("verl.trainer", "verl/trainer"),
                   ("verl.trainer.ppo", "verl/trainer/ppo"), ("verl.workers", "verl/workers")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [os.path.join(FOLDER, path)]
for name in ("omegaconf", "tensordict", "tensordict.tensorclass", "ray", "verl.trainer.config", "verl.workers.config",
             "verl.utils.import_utils", "verl.utils.device", "verl.utils.attention_utils"):
    sys.modules[name] = MagicMock()
sys.modules["verl.utils.import_utils"].deprecated = lambda *_, **__: (lambda f: f)
sys.modules["verl.workers.config"].ActorConfig = type("ActorConfig", (), {})
sys.modules["verl.trainer.config"].AlgoConfig = type("AlgoConfig", (), {})
sys.modules["omegaconf"].DictConfig = type("DictConfig", (), {})
sys.modules["verl.utils"].as_torch_index = sys.modules["verl.utils"].group_mean_std = None
from verl.trainer.ppo import core_algos

torch.set_default_dtype(torch.float64)
HERE = os.path.dirname(os.path.abspath(__file__))
LENGTHS, SAMPLES = [5, 1, 3, 2, 4, 2, 6, 1, 3], 3
REWARDS = [1.0, 0.0, 0.25, 0.5, 0.5, 0.5, 0.0, -1.5, 0.75]


def main():
    longest = max(LENGTHS)
    mask = torch.tensor([[1.0 if t < n else 0.0 for t in range(longest)] for n in LENGTHS])
    rewards = torch.zeros_like(mask)
    for row, n in enumerate(LENGTHS):
        rewards[row, n - 1] = REWARDS[row]
    index = np.array([row // SAMPLES for row in range(len(LENGTHS))])
    config = types.SimpleNamespace(gamma=1.0)
    advantages = []
    for estimator in ("rloo", "opo", "gpg", "reinforce_plus_plus", "reinforce_plus_plus_baseline"):
        function = core_algos.get_adv_estimator_fn(estimator)
        given = {"token_level_rewards": rewards.clone(), "response_mask": mask, "config": config}
        if estimator != "reinforce_plus_plus":
            given["index"] = index
        every, _ = function(**given)
        for row, n in enumerate(LENGTHS):
            assert torch.allclose(every[row, :n], every[row, 0], rtol=0, atol=1e-15)
        advantages.append({"estimator": estimator, "advantages": every[:, 0].tolist()})

    draw = random.Random(3)
    old = torch.tensor([[-draw.uniform(0.05, 4) for _ in range(longest)] for _ in LENGTHS])
    new = torch.tensor([[min(x + draw.gauss(0, 0.8), -0.01) for x in row] for row in old.tolist()])
    by_answer = [draw.gauss(0, 1) for _ in LENGTHS]
    class Config(types.SimpleNamespace):
        def get(self, name, default):
            return getattr(self, name, default)
    flat = lambda x: x[mask.bool()].tolist()
    losses = []
    for name, mode in (("vanilla", "token-mean"), ("gpg", "token-mean"), ("reinforce", "seq-mean-token-sum"),
                       ("reinforce", "token-mean")):
        leaf = new.clone().requires_grad_()
        options = Config(clip_ratio=0.2, clip_ratio_low=0.2, clip_ratio_high=0.28, clip_ratio_c=1.5,
                         global_batch_info={})
        function = core_algos.compute_policy_loss_reinforce if name == "reinforce" else core_algos.get_policy_loss_fn(name)
        first = {"rollout_log_prob": old} if name == "reinforce" else {"old_log_prob": old}
        loss, _ = function(**first, log_prob=leaf, advantages=torch.tensor(by_answer).unsqueeze(1) * mask,
                           response_mask=mask, loss_agg_mode=mode, config=options)
        loss.backward()
        losses.append({"name": name, "loss_agg_mode": mode, "loss": loss.item(), "grad": flat(leaf.grad)})
    with open(os.path.join(HERE, "policy_verl.json"), "w") as file:
        json.dump({"batch": {"lengths": LENGTHS, "samples": SAMPLES, "rewards": REWARDS}, "advantages": advantages,
                   "rows": {"logp": flat(new), "old_logp": flat(old), "advantages": by_answer}, "losses": losses}, file)
        file.write("\n")


main()
