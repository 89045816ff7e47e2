// The backward pass of Model: each block undone in reverse, its norms and SwiGLU computed again
// from what was kept.
#include <algorithm>

#include "temper/engine/kernel/norm.h"
#include "temper/engine/kernel/pointwise.h"
#include "temper/engine/model/model.h"
#include "temper/foundation/error/error.h"

namespace temper::model {

void Model::norm_backward(const Weight& norm, const NormRows& rows, const float* dy, int64_t ldy,
                          float* dx, bool accumulate) {
  const kernel::RmsNorm call{.rows = rows.count,
                             .width = norm.columns,
                             .x = rows.x,
                             .ldx = rows.ldx,
                             .weight = norm.values.data(),
                             .eps = config_.norm_eps};
  tensor::Floats again(rows.count * norm.columns), rstd(rows.count);
  kernel::rms_norm(call, again.data(), norm.columns, rstd.data());
  kernel::rms_norm_backward(call, dy, ldy, rstd.data(), dx, accumulate,
                            norm.trained() ? store_.gradient(norm).data() : nullptr);
}

void Model::mlp_backward(const Layer& layer, int64_t rows, Saved& saved, float* dx) {
  const int64_t width = config_.width, ffn = config_.ffn;
  tensor::Floats normed(rows * width), active(rows * ffn), d_active(rows * ffn);
  tensor::Floats d_gate_up(rows * 2 * ffn), d_normed(rows * width);
  kernel::rms_norm({.rows = rows,
                    .width = width,
                    .x = saved.middle.data(),
                    .ldx = width,
                    .weight = layer.mlp_norm->values.data(),
                    .eps = config_.norm_eps},
                   normed.data(), width, nullptr);
  kernel::swiglu(saved.gate_up.data(), rows, ffn, active.data());
  linear_backward(layer.down, store_,
                  {.dy = dx,
                   .ldy = width,
                   .x = active.data(),
                   .ldx = ffn,
                   .rows = rows,
                   .dx = d_active.data(),
                   .lddx = ffn,
                   .accumulate = false});
  kernel::swiglu_backward(saved.gate_up.data(), d_active.data(), rows, ffn, d_gate_up.data());
  for (const Linear* part : {&layer.gate, &layer.up}) {
    const bool first = part == &layer.gate;
    linear_backward(*part, store_,
                    {.dy = d_gate_up.data() + (first ? 0 : ffn),
                     .ldy = 2 * ffn,
                     .x = normed.data(),
                     .ldx = width,
                     .rows = rows,
                     .dx = d_normed.data(),
                     .lddx = width,
                     .accumulate = !first});
  }
  norm_backward(*layer.mlp_norm, {saved.middle.data(), width, rows}, d_normed.data(), width, dx,
                true);
}

void Model::attention_backward(const Layer& layer, const Batch& batch, Saved& saved, float* dx) {
  const int64_t rows = batch.rows(), width = config_.width, head_dim = config_.head_dim;
  const int64_t q_width = config_.heads * head_dim, kv_width = config_.kv_heads * head_dim;
  const kernel::AttentionShape shape = attention_shape(layer.window);
  tensor::Floats d_attention(rows * q_width), dq(rows * q_width), d_kv(rows * 2 * kv_width);
  linear_backward(layer.o, store_,
                  {.dy = dx,
                   .ldy = width,
                   .x = saved.attention.data(),
                   .ldx = q_width,
                   .rows = rows,
                   .dx = d_attention.data(),
                   .lddx = q_width,
                   .accumulate = false});
  const std::vector<kernel::AttentionRows> sequences = attention_rows(batch);
  if (d_pool_.blocks() < batch.blocks) d_pool_ = kernel::KvPool(shape, batch.blocks);
  d_pool_.zero();
  kernel::attend_backward(shape, sequences,
                          {.q = saved.q.data(),
                           .ldq = q_width,
                           .out = saved.attention.data(),
                           .d_out = d_attention.data(),
                           .ldo = q_width,
                           .lse = saved.lse.data(),
                           .dq = dq.data()},
                          saved.kv, d_pool_);
  float* dk = d_kv.data();
  kernel::gather_kv_gradient(shape, sequences, batch.copies, d_pool_, dk, dk + kv_width,
                             2 * kv_width);
  const kernel::Rope rope{rope_.cosine(), rope_.sine(), head_dim};
  kernel::rope_backward(rope, batch.positions.data(), rows, config_.heads, dq.data(), q_width);
  kernel::rope_backward(rope, batch.positions.data(), rows, config_.kv_heads, dk, 2 * kv_width);
  if (config_.qk_norm) {
    const int64_t qk_width = q_width + kv_width;
    auto undo = [&](const Weight& norm, int64_t heads, const float* raw, float* d, int64_t ldd) {
      tensor::Floats d_raw(rows * qk_width);  // one stride for x and dx
      for (int64_t head = 0; head < heads; ++head) {
        norm_backward(norm, {raw + head * head_dim, qk_width, rows}, d + head * head_dim, ldd,
                      d_raw.data() + head * head_dim, false);
      }
      for (int64_t t = 0; t < rows; ++t) {
        std::copy_n(d_raw.data() + t * qk_width, heads * head_dim, d + t * ldd);
      }
    };
    undo(*layer.q_norm, config_.heads, saved.raw_qk.data(), dq.data(), q_width);
    undo(*layer.k_norm, config_.kv_heads, saved.raw_qk.data() + q_width, dk, 2 * kv_width);
  }
  tensor::Floats normed(rows * width), d_normed(rows * width);
  kernel::rms_norm({.rows = rows,
                    .width = width,
                    .x = saved.x.data(),
                    .ldx = width,
                    .weight = layer.attention_norm->values.data(),
                    .eps = config_.norm_eps},
                   normed.data(), width, nullptr);
  struct Part {
    const Linear& layer;
    const float* dy;
    int64_t ldy;
  };
  bool accumulate = false;
  for (const Part& part : {Part{layer.q, dq.data(), q_width}, Part{layer.k, dk, 2 * kv_width},
                           Part{layer.v, dk + kv_width, 2 * kv_width}}) {
    linear_backward(part.layer, store_,
                    {.dy = part.dy,
                     .ldy = part.ldy,
                     .x = normed.data(),
                     .ldx = width,
                     .rows = rows,
                     .dx = d_normed.data(),
                     .lddx = width,
                     .accumulate = accumulate});
    accumulate = true;
  }
  norm_backward(*layer.attention_norm, {saved.x.data(), width, rows}, d_normed.data(), width, dx,
                true);
}

void Model::backward(const Batch& batch, Activations& activations, const float* d_hidden) {
  ASSERT(options_.training != Training::None, "this model was not loaded for training");
  ASSERT(activations.layers.size() == layers_.size(), "forward comes before backward");
  const int64_t rows = batch.rows(), width = config_.width;
  const int64_t outputs = static_cast<int64_t>(batch.outputs.size());
  tensor::Floats dx(rows * width), last(outputs * width), d_last(outputs * width);
  for (int64_t i = 0; i < outputs; ++i) {
    std::copy_n(activations.x.data() + int64_t{batch.outputs[static_cast<size_t>(i)]} * width,
                width, last.data() + i * width);
  }
  norm_backward(*final_norm_, {last.data(), width, outputs}, d_hidden, width, d_last.data(), false);
  dx.zero();
  for (int64_t i = 0; i < outputs; ++i) {  // a row may stand for several outputs
    float* to = dx.data() + int64_t{batch.outputs[static_cast<size_t>(i)]} * width;
    for (int64_t j = 0; j < width; ++j) to[j] += d_last.data()[i * width + j];
  }
  for (size_t i = layers_.size(); i-- > 0;) {
    const bool again = options_.gradient_checkpointing;
    if (again) run_again(i, batch, activations);
    Saved& saved = again ? activations.again : activations.layers[i];
    mlp_backward(layers_[i], rows, saved, dx.data());
    attention_backward(layers_[i], batch, saved, dx.data());
  }
  if (embedding_->trained()) {
    kernel::embedding_gradient(dx.data(), batch.tokens.data(), rows, width,
                               store_.gradient(*embedding_).data());
  }
  flops_ += backward_passes() * flops_per_row() * static_cast<double>(rows);
}

}  // namespace temper::model
