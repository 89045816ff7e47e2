#include "temper/engine/kernel/reference/reference.h"

#include <cmath>
#include <limits>

#include "temper/engine/tensor/tensor.h"

#if defined(__SANITIZE_THREAD__)
/// ThreadSanitizer cannot see the forks and joins of libtorch's own loops, which only the reference
/// uses; temper's loops go through engine/tensor/parallel.h, which tells it.
extern "C" const char* __tsan_default_suppressions() {
  return "race:libtorch_cpu.so\n";
}
#endif

namespace temper::kernel::reference {

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return weight * x * at::rsqrt((x * x).mean(-1, true) + eps);
}

at::Tensor swiglu(const at::Tensor& gate_up) {
  const int64_t width = gate_up.size(-1) / 2;
  at::Tensor gate = gate_up.narrow(-1, 0, width), up = gate_up.narrow(-1, width, width);
  return gate * at::sigmoid(gate) * up;
}

at::Tensor rope(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine) {
  const int64_t half = x.size(-1) / 2;
  at::Tensor a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
  at::Tensor c = cosine.unsqueeze(1), s = sine.unsqueeze(1);
  return at::cat({a * c - b * s, b * c + a * s}, -1);
}

Attention attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale,
                    int64_t window) {
  const int64_t length = q.size(0), group = q.size(1) / k.size(1);
  at::Tensor keys = k.repeat_interleave(group, 1).transpose(0, 1);  // [heads, T, head_dim]
  at::Tensor values = v.repeat_interleave(group, 1).transpose(0, 1);
  at::Tensor scores = at::matmul(q.transpose(0, 1), keys.transpose(1, 2)) * scale;
  at::Tensor hidden = at::ones({length, length}, at::kBool).tril().logical_not();
  if (window > 0) {
    hidden = hidden.logical_or(at::ones({length, length}, at::kBool).tril(-window));
  }
  scores = at::masked_fill(scores, hidden, -std::numeric_limits<double>::infinity());
  return {at::matmul(at::softmax(scores, -1), values).transpose(0, 1),
          at::logsumexp(scores, {-1}).transpose(0, 1)};
}

Head head(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& targets,
          double temperature) {
  at::Tensor z = at::matmul(hidden, weight.t()) / temperature;
  at::Tensor lse = at::logsumexp(z, {-1});
  at::Tensor logp = z - lse.unsqueeze(1), p = at::exp(logp);
  return {logp.gather(1, targets.unsqueeze(1)).squeeze(1), lse, -(p * logp).sum(-1),
          (p * p).sum(-1), logp.mean(-1)};
}

at::Tensor divergence(const DivergenceHeads& h, double beta, double temperature) {
  auto log_softmax = [&](const at::Tensor& hidden, const at::Tensor& weight) {
    return at::log_softmax(at::matmul(hidden, weight.t()) / temperature, -1);
  };
  const at::Tensor s = log_softmax(h.hidden, h.weight);                  // [N, vocabulary]
  const at::Tensor t = log_softmax(h.teacher_hidden, h.teacher_weight);  // [N, vocabulary]
  auto kl = [](const at::Tensor& a, const at::Tensor& b) {               // of a from b
    return (at::exp(a) * (a - b)).sum(-1);
  };
  if (beta == 0) return kl(t, s);
  if (beta == 1) return kl(s, t);
  const at::Tensor m = at::log(at::exp(s) * (1 - beta) + at::exp(t) * beta);
  return beta * kl(t, m) + (1 - beta) * kl(s, m);
}

AdamWState adamw(const AdamWState& s, const at::Tensor& gradient, const AdamWOptions& o) {
  const auto t = static_cast<double>(o.step);
  at::Tensor g = gradient * o.gradient_scale;
  at::Tensor m = s.m * o.beta1 + g * (1 - o.beta1);
  at::Tensor v = s.v * o.beta2 + g * g * (1 - o.beta2);
  at::Tensor bound = at::sqrt(v) / std::sqrt(1 - std::pow(o.beta2, t)) + o.eps;
  at::Tensor p = s.parameter * (1 - o.lr * o.weight_decay);
  return {p - o.lr / (1 - std::pow(o.beta1, t)) * m / bound, m, v};
}

}  // namespace temper::kernel::reference
