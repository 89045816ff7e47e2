#include "temper/learn/algo/online.h"

namespace temper::algo {

void describe(config::Fields<OnlineLoss>& f) {
  f.add("beta", &OnlineLoss::beta, "pull towards the reference, 1/nats; larger stays nearer")
      .above(0);
  f.add("loss_type", &OnlineLoss::loss_type, "function of the pair").choices({"sigmoid", "ipo"});
}

at::Tensor online_loss(const Pairs& p, const OnlineLoss& o) {
  const at::Tensor delta =
      (p.chosen.logp - p.chosen.ref_logp) - (p.rejected.logp - p.rejected.ref_logp);  // [P]
  if (o.loss_type == "ipo") return at::pow(delta - 1 / (2 * o.beta), 2);
  return -at::log_sigmoid(o.beta * delta);
}

std::vector<Metric> online_metrics(const Pairs& p, double beta) {
  const at::Tensor logp = at::cat({p.chosen.logp, p.rejected.logp});               // [2P]
  const at::Tensor kl = logp - at::cat({p.chosen.ref_logp, p.rejected.ref_logp});  // [2P]
  std::vector<Metric> all = pair_metrics(
      {beta * (p.chosen.logp - p.chosen.ref_logp), beta * (p.rejected.logp - p.rejected.ref_logp)},
      {p.chosen.logp, p.rejected.logp});
  all.push_back(metric("objective/kl", kl));
  all.push_back(metric("objective/entropy", -logp));
  all.push_back(metric("objective/non_score_reward", -beta * kl));
  return all;
}

}  // namespace temper::algo
