#include "temper/learn/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "temper/engine/kernel/gemm.h"
#include "temper/foundation/clock/clock.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"

namespace temper::plan {
namespace {

/// Share of the probed product's rate that a whole step reaches: norms, attention and the optimizer
/// take the rest.
constexpr double kStepShare = 0.75;

struct Sizes {
  double layers = 0;  // numbers in the layers' matrices
  double head = 0;    // in the head
  double all = 0;     // in every tensor
};

Sizes sizes_of(const weights::ModelConfig& config) {
  Sizes sizes;
  for (const weights::NamedShape& tensor : weights::tensors_of(config)) {
    double size = 1;
    for (int64_t length : tensor.shape) size *= static_cast<double>(length);
    sizes.all += size;
    const bool layer = tensor.name.starts_with("model.layers.");
    if (layer && tensor.shape.size() == 2) sizes.layers += size;
  }
  sizes.head = static_cast<double>(config.width) * static_cast<double>(config.vocabulary);
  return sizes;
}

double adapter_size(const weights::ModelConfig& config, const model::LoraOptions& lora) {
  double total = 0;
  for (const weights::NamedShape& tensor : weights::tensors_of(config)) {
    if (!tensor.name.starts_with("model.layers.") || tensor.shape.size() != 2) continue;
    const std::string module =
        tensor.name.substr(0, tensor.name.size() - std::string(".weight").size());
    if (!model::is_target(lora, module)) continue;
    total += static_cast<double>(lora.rank * (tensor.shape[0] + tensor.shape[1]));
  }
  return total;
}

int64_t memory_left() {
  std::istringstream lines(file::read_file("/proc/meminfo"));
  std::string word;
  int64_t kib = 0;
  while (lines >> word) {
    if (word == "MemAvailable:") lines >> kib;
  }
  return kib * 1024;
}

}  // namespace

Probe probe(const weights::ModelConfig& config, kernel::Dtype dtype, double seconds) {
  constexpr int64_t kRows = 512;
  const int64_t k = config.width, n = config.ffn;
  kernel::Panels panels(k, n, dtype);
  std::vector<float> values(static_cast<size_t>(k * n), 0.01f),
      x(static_cast<size_t>(kRows * k), 0.01f), y(static_cast<size_t>(kRows * n));
  panels.pack(values.data(), kernel::Layout::Transposed);
  const double once =
      2.0 * static_cast<double>(kRows) * static_cast<double>(k) * static_cast<double>(n);
  double best = 0;
  const double end = clock::seconds() + seconds;
  do {
    const double begun = clock::seconds();
    kernel::multiply({.a = x.data(), .lda = k, .m = kRows, .b = panels, .c = y.data(), .ldc = n});
    best = std::max(best, once / std::max(1e-9, clock::seconds() - begun));
  } while (clock::seconds() < end);
  return {best, memory_left()};
}

double flops(const weights::ModelConfig& config, const Work& work, model::Training training) {
  const Sizes sizes = sizes_of(config);
  const double passes = training == model::Training::Full ? 3 : 2;
  const double head_passes = training == model::Training::Full ? 4 : 3;
  return 2 * sizes.layers * (work.read_rows + work.sampled_tokens + passes * work.trained_rows) +
         2 * sizes.head * (work.sampled_tokens + head_passes * work.trained_tokens);
}

Prediction predict(const weights::ModelConfig& config, const Shape& shape, const Work& work,
                   const Probe& probe) {
  const Sizes sizes = sizes_of(config);
  const double each = shape.dtype == kernel::Dtype::BFloat16 ? 2 : 4;
  const bool training = shape.training != model::Training::None;
  const double trained = shape.training == model::Training::Full ? sizes.all
                         : shape.training == model::Training::Lora
                             ? adapter_size(config, shape.lora)
                             : 0;
  Prediction result;
  auto add = [&](const std::string& name, double bytes) {
    if (bytes <= 0) return;
    result.memory.emplace_back(name, static_cast<int64_t>(bytes));
    result.peak_bytes += static_cast<int64_t>(bytes);
  };
  add("weights", sizes.all * each * (shape.reference_copy ? 2 : 1));
  if (training) {
    add("weights for the backward pass", (sizes.layers + sizes.head) * each);
    add("masters, gradients and two moments", trained * 16);
    const double q = static_cast<double>(config.heads * config.head_dim);
    const double kv = static_cast<double>(config.kv_heads * config.head_dim);
    // saved a row and layer: x, middle, q, attention, gate and up, and keys and values in blocks
    // half filled on average
    const double row = 2 * static_cast<double>(config.width) + 2 * q +
                       2 * static_cast<double>(config.ffn) + 3 * kv;
    add("activations", row * 4 * static_cast<double>(config.layers) *
                           static_cast<double>(shape.micro_batch_tokens));
    add("scratch of one layer",
        static_cast<double>(shape.micro_batch_tokens) *
            (6 * static_cast<double>(config.ffn) + 8 * static_cast<double>(config.width)) * 4);
  }
  if (shape.max_sequences > 0) {
    const double kv =
        2 * static_cast<double>(config.kv_heads * config.head_dim * config.layers) * 4;
    const double blocks = std::ceil(static_cast<double>(shape.sequence_tokens) / kernel::kKvBlock);
    add("keys and values",
        kv * blocks * kernel::kKvBlock * static_cast<double>(shape.max_sequences));
    add("logits", static_cast<double>(shape.max_sequences * config.vocabulary) * 4);
  }
  result.flops = flops(config, work, shape.training);
  result.seconds = result.flops / (probe.flops_per_s * kStepShare);
  return result;
}

void refuse_if_too_large(const Prediction& prediction, const Probe& probe) {
  if (prediction.peak_bytes <= probe.memory_bytes) return;
  std::string parts;
  for (const auto& [name, bytes] : prediction.memory) {
    parts += fmt::format("{}{} {:.1f} GB", parts.empty() ? "" : ", ", name,
                         static_cast<double>(bytes) / 1e9);
  }
  throw Error({fmt::format("the run needs about {:.1f} GB of memory, {:.1f} GB are free",
                           static_cast<double>(prediction.peak_bytes) / 1e9,
                           static_cast<double>(probe.memory_bytes) / 1e9),
               parts,
               "lower --micro_batch_tokens or --max_sequences, or train an adapter (--use_peft)"});
}

std::string line(const Prediction& prediction, const Probe& probe) {
  const double minutes = prediction.seconds / 60;
  return fmt::format("{:.1f} GB peak · about {} · {:.0f} TFLOP · limit: GEMM at {:.0f} GFLOP/s",
                     static_cast<double>(prediction.peak_bytes) / 1e9,
                     minutes < 1.5 ? fmt::format("{:.0f} s", prediction.seconds)
                                   : fmt::format("{:.0f} min", minutes),
                     prediction.flops / 1e12, probe.flops_per_s / 1e9);
}

}  // namespace temper::plan
