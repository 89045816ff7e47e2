#include "temper/learn/train/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/foundation/text/number.h"

namespace temper::train {

void RowTokens::add(int64_t tokens, int64_t trained) {
  const auto count = static_cast<double>(tokens);
  read += count;
  predicted += static_cast<double>(trained);
  looked_at += count * count / 2;
}

plan::Work row_work(const RowOrder& order, const CommonOptions& options, const RowTokens& train,
                    const RowTokens& test) {
  const double epochs = order.epochs(order.steps());
  const bool evaluated = options.eval_steps > 0;
  const double evaluations =
      evaluated ? static_cast<double>(1 + (order.steps() - 1) / options.eval_steps) : 0;
  return {.read_rows = evaluations * test.read,
          .scored_tokens = evaluations * test.predicted,
          .trained_rows = epochs * train.read,
          .trained_tokens = epochs * train.predicted,
          .context = train.looked_at / std::max(1.0, train.read),
          .steps = static_cast<double>(order.steps())};
}

namespace {

/// Tokens of the largest micro-batch, as far as the mean of a step tells.
int64_t micro_batch_tokens(const CommonOptions& options, const plan::Work& work) {
  if (work.steps <= 0) return options.micro_batch_tokens;
  return std::min(options.micro_batch_tokens,
                  static_cast<int64_t>(std::ceil(work.trained_rows / work.steps)));
}

}  // namespace

Foreseen foresee(const CommonOptions& options, const model::ModelOptions& model,
                 const weights::ModelConfig& config, const Forecast& forecast, int64_t held_bytes) {
  const plan::Shape shape = {.dtype = model.dtype,
                             .training = model.training,
                             .lora = model.lora,
                             .micro_batch_tokens = micro_batch_tokens(options, forecast.work),
                             .gradient_checkpointing = options.gradient_checkpointing,
                             .byte_moments = moments_of(options) == optim::MomentKind::Byte,
                             .max_sequences = forecast.max_sequences,
                             .sequence_tokens = forecast.sequence_tokens,
                             .reference_copy = forecast.reference_copy,
                             .other_bytes = forecast.other_bytes,
                             .quantise = model.quantise};
  // a hundredth of what the run would take at 20 GFLOP/s
  const double short_run = plan::flops(config, forecast.work, {.training = shape.training}) / 2e12;
  Foreseen found{
      .probe = plan::probe(
          config, {.dtype = shape.dtype,
                   .sequences = std::max<int64_t>(1, static_cast<int64_t>(forecast.work.sequences)),
                   .seconds = std::min(2.0, short_run)}),
      .prediction = {},
      .at_most = forecast.at_most};
  found.probe.memory_bytes += held_bytes;
  found.prediction = plan::predict(config, shape, forecast.work, found.probe);
  plan::refuse_if_too_large(found.prediction, found.probe);
  return found;
}

std::string details(const Foreseen& foreseen) {
  std::string memory, time;
  for (const auto& [name, bytes] : foreseen.prediction.memory) {
    memory += fmt::format("{}{} {:.2f} GB", memory.empty() ? "" : ", ", name,
                          static_cast<double>(bytes) / 1e9);
  }
  for (const auto& [name, seconds] : foreseen.prediction.time) {
    time += fmt::format("{}{} {}", time.empty() ? "" : ", ", name, plan::duration(seconds));
  }
  const auto& probe = foreseen.probe;
  return fmt::format("memory     {}; it may take {}\n", memory,
                     text::bytes(static_cast<double>(probe.memory_bytes))) +
         fmt::format("time       {}\n", time.empty() ? "none" : time) +
         fmt::format(
             "machine    products {:.0f} GFLOP/s, {:.0f} at the rows of one decoding step, "
             "memory {:.1f} GB/s\n",
             probe.flops_per_s / 1e9, probe.decode_flops_per_s / 1e9, probe.bytes_per_s / 1e9);
}

Json to_json(const Foreseen& foreseen) {
  return {{"peak_bytes", foreseen.prediction.peak_bytes},
          {"seconds", foreseen.prediction.seconds},
          {"tflop", foreseen.prediction.flops / 1e12},
          {"at_most", foreseen.at_most},
          {"limit", foreseen.prediction.limit},
          {"gemm_flops_per_s", foreseen.probe.flops_per_s},
          {"read_bytes_per_s", foreseen.probe.bytes_per_s}};
}

}  // namespace temper::train
