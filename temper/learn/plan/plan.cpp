#include "temper/learn/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "temper/engine/kernel/gemm.h"
#include "temper/engine/tensor/buffer.h"
#include "temper/foundation/clock/clock.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/number.h"

namespace temper::plan {
namespace {

/// Shares of the probed product's rate that a step's products and its attention reach: packing,
/// norms and pointwise work stand between them.
constexpr double kProductShare = 0.72, kAttentionShare = 0.3;
/// Bytes that a step of AdamW moves a trained number: gradient, master and moments read, three of
/// them written, forward copies written.
constexpr double kOptimizerBytes = 36;

int64_t size_of(const weights::NamedShape& tensor) {
  int64_t size = 1;
  for (int64_t length : tensor.shape) size *= length;
  return size;
}

struct Sizes {
  double layers = 0;  // numbers in the layers' matrices
  double head = 0;    // in the head
  double all = 0;     // in every tensor
};

Sizes sizes_of(const weights::ModelConfig& config) {
  Sizes sizes;
  for (const weights::NamedShape& tensor : weights::tensors_of(config)) {
    const auto size = static_cast<double>(size_of(tensor));
    sizes.all += size;
    const bool layer = tensor.name.starts_with("model.layers.");
    if (layer && tensor.shape.size() == 2) sizes.layers += size;
  }
  sizes.head = static_cast<double>(config.width) * static_cast<double>(config.vocabulary);
  return sizes;
}

double adapter_size(const weights::ModelConfig& config, const model::LoraOptions& lora) {
  const model::Choice choice = model::choose(config, lora);
  int64_t total = 0;
  for (const model::Adapted& each : choice.adapted) {
    total += each.rank * (each.in + each.out) + (lora.decomposed ? each.out : 0);
  }
  for (const weights::NamedShape& tensor : weights::tensors_of(config)) {
    if (choice.is_whole(tensor.name)) total += size_of(tensor);
  }
  return static_cast<double>(total);
}

double trained_size(const weights::ModelConfig& config, const Shape& shape) {
  if (shape.training == model::Training::None) return 0;
  return shape.training == model::Training::Full ? sizes_of(config).all
                                                 : adapter_size(config, shape.lora);
}

double bytes_each(kernel::Dtype dtype) {
  return dtype == kernel::Dtype::BFloat16 ? 2 : 4;
}

/// Of a model's forward copies, but for those of adapters.
double weight_bytes(const weights::ModelConfig& config, const Shape& shape) {
  const Sizes sizes = sizes_of(config);
  const double each = bytes_each(shape.dtype);
  const bool quantised = shape.quantise.kind != kernel::QuantiseOptions::Kind::None;
  const double a_layer = quantised ? kernel::bytes_a_weight(shape.quantise, config.width) : each;
  return sizes.layers * a_layer + (sizes.all - sizes.layers) * each;
}

/// What a file of the control group says in bytes; nothing where there is none, or no limit.
std::optional<int64_t> of_group(const std::string& name) {
  std::ifstream file("/sys/fs/cgroup/" + name);
  std::string text;
  file >> text;
  return text::parse_int(text);
}

/// What the machine has left, its container's limit and memory_limit allow.
int64_t memory_left() {
  std::istringstream lines(file::read_file("/proc/meminfo"));
  std::string word;
  int64_t kib = 0;
  while (lines >> word) {
    if (word == "MemAvailable:") lines >> kib;
  }
  int64_t left = std::min(kib * 1024, tensor::memory_left());
  const std::optional<int64_t> most = of_group("memory.max"), now = of_group("memory.current");
  if (most && now) left = std::min(left, std::max<int64_t>(0, *most - *now));
  return left;
}

}  // namespace

namespace {

/// The best rate of products of so many rows, in FLOP a second.
double product_rate(const weights::ModelConfig& config, kernel::Dtype dtype, int64_t rows,
                    double seconds) {
  const int64_t k = config.width, n = config.ffn;
  kernel::Panels panels(k, n, dtype);
  std::vector<float> values(static_cast<size_t>(k * n), 0.01f),
      x(static_cast<size_t>(rows * k), 0.01f), y(static_cast<size_t>(rows * n));
  panels.pack(values.data(), kernel::Layout::Transposed);
  const double once = 2.0 * static_cast<double>(rows) * static_cast<double>(k * n);
  double best = 0;
  const double end = clock::seconds() + seconds;
  do {
    const double begun = clock::seconds();
    kernel::multiply({.a = x.data(), .lda = k, .m = rows, .b = panels, .c = y.data(), .ldc = n});
    best = std::max(best, once / std::max(1e-9, clock::seconds() - begun));
  } while (clock::seconds() < end);
  return best;
}

/// A product of one row over weights that no cache holds reads each of them once.
double read_rate(double seconds) {
  constexpr int64_t kDepth = 2048, kColumns = 16384;  // 128 MB
  kernel::Panels panels(kDepth, kColumns, kernel::Dtype::Float32);
  std::memset(panels.data(), 0, static_cast<size_t>(panels.bytes()));
  std::vector<float> x(kDepth, 0.01f), y(kColumns);
  double best = 0;
  const double end = clock::seconds() + seconds;
  do {
    const double begun = clock::seconds();
    kernel::multiply(
        {.a = x.data(), .lda = kDepth, .m = 1, .b = panels, .c = y.data(), .ldc = kColumns});
    best = std::max(best,
                    static_cast<double>(panels.bytes()) / std::max(1e-9, clock::seconds() - begun));
  } while (clock::seconds() < end);
  return best;
}

}  // namespace

Probe probe(const weights::ModelConfig& config, const Probing& how) {
  constexpr int64_t kRows = 512;
  constexpr double kWorthReading = 0.1;
  Probe found{.memory_bytes = memory_left()};
  if (how.seconds <= 0) return found;
  found.flops_per_s = product_rate(config, how.dtype, kRows, how.seconds / 3);
  found.decode_flops_per_s = product_rate(config, how.dtype, how.sequences, how.seconds / 3);
  if (how.seconds >= kWorthReading) found.bytes_per_s = read_rate(how.seconds / 3);
  return found;
}

double flops(const weights::ModelConfig& config, const Work& work, const Passes& passes) {
  const Sizes sizes = sizes_of(config);
  const double full = passes.training == model::Training::Full ? 1 : 0;
  const double layer_passes =
      2 + (passes.decomposed ? 1 : full) + (passes.gradient_checkpointing ? 1 : 0);
  const double head_passes = 3 + full;
  return 2 * sizes.layers *
             (work.read_rows + work.sampled_tokens + layer_passes * work.trained_rows) +
         2 * sizes.head *
             (work.scored_tokens + work.sampled_tokens + head_passes * work.trained_tokens) +
         work.other_flops;
}

namespace {

Passes passes_of(const Shape& shape) {
  const bool adapter = shape.training == model::Training::Lora;
  return {.training = shape.training,
          .gradient_checkpointing = shape.gradient_checkpointing,
          .decomposed = adapter && shape.lora.decomposed};
}

/// Seconds by part, largest first.
std::vector<std::pair<std::string, double>> time_of(const weights::ModelConfig& config,
                                                    const Shape& shape, const Work& work,
                                                    const Probe& probe) {
  const Sizes sizes = sizes_of(config);
  Work rest = work;
  rest.sampled_tokens = 0;
  std::vector<std::pair<std::string, double>> time;
  auto add = [&](const std::string& name, double seconds) {
    if (seconds > 0) time.emplace_back(name, seconds);
  };
  add("products", flops(config, rest, passes_of(shape)) / (probe.flops_per_s * kProductShare));
  const double n = std::max(1.0, work.sequences), decoded = work.sampled_tokens / n;
  const double bytes = (sizes.layers + sizes.head) * bytes_each(shape.dtype);
  const double rate = probe.decode_flops_per_s > 0 ? probe.decode_flops_per_s : probe.flops_per_s;
  const double reading = probe.bytes_per_s > 0 ? bytes / probe.bytes_per_s : 0;
  const double computing = n * 2 * (sizes.layers + sizes.head) / (rate * kProductShare);
  add(reading > computing ? "decoding, bound by memory" : "decoding, bound by products",
      decoded * std::max(reading, computing));
  const double looked = 4 * static_cast<double>(config.heads * config.head_dim * config.layers) *
                        work.context;  // FLOP of a row forward
  add("attention", looked * (work.read_rows + work.sampled_tokens + 3.5 * work.trained_rows) /
                       (probe.flops_per_s * kAttentionShare));
  if (probe.bytes_per_s > 0) {
    add("optimizer",
        work.steps * trained_size(config, shape) * kOptimizerBytes / probe.bytes_per_s);
  }
  std::stable_sort(time.begin(), time.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return time;
}

}  // namespace

Prediction predict(const weights::ModelConfig& config, const Shape& shape, const Work& work,
                   const Probe& probe) {
  const Sizes sizes = sizes_of(config);
  const double each = bytes_each(shape.dtype);
  const bool training = shape.training != model::Training::None;
  const double trained = trained_size(config, shape);
  Prediction result;
  auto add = [&](const std::string& name, double bytes) {
    if (bytes <= 0) return;
    result.memory.emplace_back(name, static_cast<int64_t>(bytes));
    result.peak_bytes += static_cast<int64_t>(bytes);
  };
  const bool quantised = shape.quantise.kind != kernel::QuantiseOptions::Kind::None;
  const double weights = weight_bytes(config, shape);
  add("weights", weights * (shape.reference_copy ? 2 : 1));
  add("another model", static_cast<double>(shape.other_bytes));
  if (training) {
    const bool once = quantised || kernel::can_be_turned(shape.dtype);
    add("weights for the backward pass", ((once ? 0 : sizes.layers) + sizes.head) * each);
    if (shape.training == model::Training::Lora) add("adapters, both ways", trained * 8);
    const auto n = [](int64_t count) { return static_cast<double>(count); };
    add("masters, gradients and two moments", trained * (shape.byte_moments ? 10.03 : 16));
    const double q = static_cast<double>(config.heads * config.head_dim);
    const double kv = static_cast<double>(config.kv_heads * config.head_dim);
    // saved a row and layer: x, middle, q, attention, gate and up, and keys and values in blocks
    // half filled on average
    const double width = n(config.width), layers = n(config.layers);
    const double row = 2 * width + 2 * q + 2 * n(config.ffn) + 3 * kv;
    const double kept = shape.gradient_checkpointing ? width * layers + row : row * layers;
    add("activations", kept * 4 * n(shape.micro_batch_tokens));
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
  result.flops = flops(config, work, passes_of(shape));
  result.time = time_of(config, shape, work, probe);
  for (const auto& [name, seconds] : result.time) result.seconds += seconds;
  if (!result.time.empty()) result.limit = result.time[0].first;
  return result;
}

void refuse_if_too_large(const Prediction& prediction, const Probe& probe) {
  if (prediction.peak_bytes <= probe.memory_bytes) return;
  std::string parts;
  for (const auto& [name, bytes] : prediction.memory) {
    parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", name,
                         text::bytes(static_cast<double>(bytes)));
  }
  throw Error({fmt::format("the run needs about {} of memory, it may take {}",
                           text::bytes(static_cast<double>(prediction.peak_bytes)),
                           text::bytes(static_cast<double>(probe.memory_bytes))),
               parts,
               "lower --micro_batch_tokens or --max_sequences, or train an adapter (--use_peft)"});
}

std::string duration(double seconds) {
  if (seconds < 90) return fmt::format("{:.{}f} s", seconds, seconds < 9.5 ? 1 : 0);
  if (seconds < 5400) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string line(const Prediction& prediction, const Probe& probe, bool at_most) {
  const bool memory = prediction.limit.ends_with("memory") || prediction.limit == "optimizer";
  return fmt::format("{:.1f} GB peak · {} {} · {:.3g} TFLOP · limit: {}",
                     static_cast<double>(prediction.peak_bytes) / 1e9,
                     at_most ? "at most" : "about", duration(prediction.seconds),
                     prediction.flops / 1e12,
                     memory ? fmt::format("memory at {:.0f} GB/s", probe.bytes_per_s / 1e9)
                            : fmt::format("GEMM at {:.0f} GFLOP/s", probe.flops_per_s / 1e9));
}

}  // namespace temper::plan
