#include "temper/engine/model/model.h"

#include <algorithm>
#include <cmath>

#include "temper/engine/kernel/norm.h"
#include "temper/engine/kernel/pointwise.h"
#include "temper/engine/model/embedding_noise.h"
#include "temper/engine/tensor/parallel.h"
#include "temper/foundation/error/error.h"

namespace temper::model {
namespace {

constexpr const char* kEmbedding = "model.embed_tokens.weight";

std::string layer_name(int64_t layer, const std::string& part) {
  return "model.layers." + std::to_string(layer) + "." + part;
}

}  // namespace

Model::Model(const weights::ModelConfig& config, const ModelOptions& options)
    : config_(config), options_(options), rope_(config) {
  for (const weights::NamedShape& tensor : weights::tensors_of(config)) {
    const bool matrix = tensor.shape.size() == 2;
    store_.add(tensor.name, matrix ? tensor.shape[0] : 1, tensor.shape.back(), matrix);
  }
  auto linear_of = [&](int64_t layer, const std::string& part) {
    Weight* weight = store_.find(layer_name(layer, part + ".weight"));
    weight->turned = true;
    return Linear{.weight = weight, .bias = store_.find(layer_name(layer, part + ".bias"))};
  };
  for (int64_t i = 0; i < config.layers; ++i) {
    layers_.push_back(
        {.attention_norm = store_.find(layer_name(i, "input_layernorm.weight")),
         .mlp_norm = store_.find(layer_name(i, "post_attention_layernorm.weight")),
         .q_norm = store_.find(layer_name(i, "self_attn.q_norm.weight")),
         .k_norm = store_.find(layer_name(i, "self_attn.k_norm.weight")),
         .q = linear_of(i, "self_attn.q_proj"),
         .k = linear_of(i, "self_attn.k_proj"),
         .v = linear_of(i, "self_attn.v_proj"),
         .o = linear_of(i, "self_attn.o_proj"),
         .gate = linear_of(i, "mlp.gate_proj"),
         .up = linear_of(i, "mlp.up_proj"),
         .down = linear_of(i, "mlp.down_proj"),
         .window = config.windows.empty() ? 0 : config.windows[static_cast<size_t>(i)]});
  }
  embedding_ = store_.find(kEmbedding);
  final_norm_ = store_.find("model.norm.weight");
  score_ = {.weight = store_.find("score.weight"), .bias = store_.find("score.bias")};
  if (!score_) head_ = config.tied_head ? embedding_ : store_.find("lm_head.weight");
  choose_trained();
}

void Model::choose_trained() {
  std::vector<Weight*> trained;
  if (options_.training == Training::Full) {
    for (Weight& weight : store_.all()) trained.push_back(&weight);
  }
  if (options_.training == Training::Lora) {
    const Choice choice = choose(config_, options_.lora);
    for (Weight& weight : store_.all()) {
      if (choice.is_whole(weight.name)) trained.push_back(&weight);
    }
    each_linear([&](Linear& layer) {
      const std::string& name = layer.weight->name;
      const std::string module = name.substr(0, name.size() - std::string(".weight").size());
      const Adapted* adapted = choice.find(module);
      if (adapted == nullptr) return;
      layer.lora_a = &store_.add(module + ".lora_A.weight", adapted->rank, layer.in(), true);
      layer.lora_b = &store_.add(module + ".lora_B.weight", layer.out(), adapted->rank, true);
      layer.lora_scale = adapted->scale;
      trained.push_back(layer.lora_a);
      trained.push_back(layer.lora_b);
      if (!options_.lora.decomposed) return;
      layer.magnitude = &store_.add(module + ".lora_magnitude_vector", 1, layer.out(), false);
      trained.push_back(layer.magnitude);
    });
  }
  ASSERT(options_.training != Training::Full ||
             options_.quantise.kind == kernel::QuantiseOptions::Kind::None,
         "what is trained is not quantised");
  store_.train(trained);
}

bool Model::needs_plain(const Weight& weight) const {
  if (options_.training == Training::None || !weight.is_matrix) return false;
  if (&weight == score_.weight) return false;        // score_head.h has its own products
  return &weight != embedding_ || &weight == head_;  // an embedding's input has no gradient
}

bool Model::quantises(const Weight& weight) const {
  return options_.quantise.kind != kernel::QuantiseOptions::Kind::None && !weight.trained() &&
         find_linear(weight.name) != nullptr;
}

void Model::take(Weight& weight, std::span<const float> values) {
  if (quantises(weight)) return store_.quantise(weight, values, options_.quantise, options_.dtype);
  store_.assign(weight, values, dtype_of(weight), needs_plain(weight));
}

/// What an adapter run trains is kept whole.
kernel::Dtype Model::dtype_of(const Weight& weight) const {
  const bool adapter = options_.training == Training::Lora;
  return adapter && weight.trained() ? kernel::Dtype::Float32 : options_.dtype;
}

void Model::refresh() {
  for (Weight& weight : store_.all()) {
    if (!weight.trained()) continue;
    store_.refresh(weight, dtype_of(weight), needs_plain(weight));
  }
  each_linear([](Linear& layer) { refresh_gain(layer); });
  ++version_;
}

void Model::use_adapter(bool use) {
  ASSERT(use || is_own_reference(), "modules that are trained whole cannot be left out");
  if (adapter_ != use) ++version_;
  adapter_ = use;
}

bool Model::is_own_reference() const {
  if (!has_adapter()) return false;
  return std::none_of(store_.all().begin(), store_.all().end(), [&](const Weight& weight) {
    return weight.trained() && weight.name.find(".lora_") == std::string::npos &&
           &weight != score_.weight && &weight != score_.bias;
  });
}

const Linear* Model::find_linear(std::string_view weight) const {
  for (const Layer& l : layers_) {
    for (const Linear* part : {&l.q, &l.k, &l.v, &l.o, &l.gate, &l.up, &l.down}) {
      if (part->weight->name == weight) return part;
    }
  }
  return nullptr;
}

kernel::AttentionShape Model::attention_shape(int64_t window) const {
  return {.heads = config_.heads,
          .kv_heads = config_.kv_heads,
          .head_dim = config_.head_dim,
          .scale = 1 / std::sqrt(static_cast<double>(config_.head_dim)),
          .window = window};
}

KvCache Model::cache(int64_t blocks) const {
  KvCache cache;
  for (int64_t i = 0; i < config_.layers; ++i) {
    cache.layers.emplace_back(attention_shape(), blocks).zero();
  }
  return cache;
}

int64_t Model::cache_block_bytes() const {
  return config_.layers * kernel::KvPool::block_bytes(attention_shape());
}

const Weight& Model::head() const {
  ASSERT(head_ != nullptr, "a model with a language head");
  return *head_;
}

float* Model::head_gradient() {
  return head_->trained() ? store_.gradient(*head_).data() : nullptr;
}

void Model::read(const std::string& name, std::span<float> out) const {
  const Weight* weight = store_.find(name);
  ASSERT(weight != nullptr, "a tensor of this model");
  store_.read(*weight, out);
}

double Model::flops_per_row() const {
  double weights = 0;
  for (const Weight& weight : store_.all()) {
    if (weight.is_matrix && &weight != embedding_ && &weight != head_ && &weight != score_.weight) {
      weights += static_cast<double>(weight.size());
    }
  }
  return 2 * weights;
}

/// Of a row's forward work: the input's gradient, that of the weights unless they are frozen, with
/// DoRA the layers' outputs once more, and with gradient checkpointing the whole of it.
double Model::backward_passes() const {
  const bool again = options_.gradient_checkpointing;
  const bool twice = options_.training == Training::Full || options_.lora.decomposed;
  return (twice ? 2 : 1) + (again ? 1 : 0);
}

void Model::embed(const Batch& batch, float* x) const {
  const int64_t width = config_.width;
  tensor::parallel(batch.rows(), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      embedding_->forward.column(batch.tokens[static_cast<size_t>(t)], x + t * width);
    }
  });
  add_noise(batch, width, x);
}

namespace {

std::vector<kernel::AttentionRows> rows_of(const Batch& batch, std::optional<bool> trunk) {
  std::vector<kernel::AttentionRows> rows;
  for (const SequenceRows& sequence : batch.sequences) {
    if (trunk && sequence.trunk != *trunk) continue;
    rows.push_back({.first_row = sequence.first_row,
                    .rows = sequence.rows,
                    .first_position = sequence.first_position,
                    .blocks = sequence.blocks,
                    .unit = sequence.unit});
  }
  return rows;
}

void gather(const std::vector<int32_t>& rows, const float* from, int64_t width, float* to) {
  tensor::parallel(static_cast<int64_t>(rows.size()), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      std::copy_n(from + int64_t{rows[static_cast<size_t>(i)]} * width, width, to + i * width);
    }
  });
}

}  // namespace

std::vector<kernel::AttentionRows> Model::attention_rows(const Batch& batch) {
  return rows_of(batch, std::nullopt);
}

void Model::attention_block(const Layer& layer, const Batch& batch, kernel::KvPool& kv,
                            Saved& saved, float* x) {
  const int64_t rows = batch.rows(), width = config_.width, head_dim = config_.head_dim;
  const int64_t q_width = config_.heads * head_dim, kv_width = config_.kv_heads * head_dim;
  const int64_t qk_width = q_width + kv_width;
  tensor::Floats normed(rows * width), kv_rows(rows * 2 * kv_width);
  float* k = kv_rows.data();  // [rows, k then v]
  kernel::rms_norm({.rows = rows,
                    .width = width,
                    .x = x,
                    .ldx = width,
                    .weight = layer.attention_norm->values.data(),
                    .eps = config_.norm_eps},
                   normed.data(), width, nullptr);
  saved.q.resize(rows * q_width);
  linear(layer.q, adapter_, normed.data(), width, rows, saved.q.data(), q_width);
  linear(layer.k, adapter_, normed.data(), width, rows, k, 2 * kv_width);
  linear(layer.v, adapter_, normed.data(), width, rows, k + kv_width, 2 * kv_width);
  if (config_.qk_norm) {  // each head of each row is a row of its own
    saved.raw_qk.resize(rows * qk_width);
    for (int64_t t = 0; t < rows; ++t) {
      std::copy_n(saved.q.data() + t * q_width, q_width, saved.raw_qk.data() + t * qk_width);
      std::copy_n(k + t * 2 * kv_width, kv_width, saved.raw_qk.data() + t * qk_width + q_width);
    }
    head_norm(*layer.q_norm, rows, config_.heads, saved.raw_qk.data(), qk_width, saved.q.data(),
              q_width);
    head_norm(*layer.k_norm, rows, config_.kv_heads, saved.raw_qk.data() + q_width, qk_width, k,
              2 * kv_width);
  }
  const kernel::Rope rope{rope_.cosine(), rope_.sine(), head_dim};
  kernel::rope(rope, batch.positions.data(), rows, config_.heads, saved.q.data(), q_width);
  kernel::rope(rope, batch.positions.data(), rows, config_.kv_heads, k, 2 * kv_width);

  const kernel::AttentionShape shape = attention_shape(layer.window);
  const bool branches = !batch.copies.empty();
  if (branches) {
    kernel::store_kv(shape, rows_of(batch, true), k, k + kv_width, 2 * kv_width, kv);
    for (const kernel::BlockCopy& copy : batch.copies) kv.copy_block(copy.from, copy.to);
  }
  kernel::store_kv(shape, rows_of(batch, branches ? std::optional(false) : std::nullopt), k,
                   k + kv_width, 2 * kv_width, kv);
  saved.attention.resize(rows * q_width);
  saved.lse.resize(rows * config_.heads);
  kernel::attend(shape, attention_rows(batch), saved.q.data(), q_width, kv, saved.attention.data(),
                 q_width, saved.lse.data());
  linear(layer.o, adapter_, saved.attention.data(), q_width, rows, normed.data(), width);
  kernel::add(normed.data(), rows * width, x);
}

void Model::head_norm(const Weight& norm, int64_t rows, int64_t heads, const float* x, int64_t ldx,
                      float* y, int64_t ldy) const {
  for (int64_t head = 0; head < heads; ++head) {
    kernel::rms_norm({.rows = rows,
                      .width = config_.head_dim,
                      .x = x + head * config_.head_dim,
                      .ldx = ldx,
                      .weight = norm.values.data(),
                      .eps = config_.norm_eps},
                     y + head * config_.head_dim, ldy, nullptr);
  }
}

void Model::gate_up(const Layer& layer, int64_t rows, const float* x, Saved& saved) {
  const int64_t width = config_.width, ffn = config_.ffn;
  tensor::Floats normed(rows * width);
  kernel::rms_norm({.rows = rows,
                    .width = width,
                    .x = x,
                    .ldx = width,
                    .weight = layer.mlp_norm->values.data(),
                    .eps = config_.norm_eps},
                   normed.data(), width, nullptr);
  saved.gate_up.resize(rows * 2 * ffn);
  linear(layer.gate, adapter_, normed.data(), width, rows, saved.gate_up.data(), 2 * ffn);
  linear(layer.up, adapter_, normed.data(), width, rows, saved.gate_up.data() + ffn, 2 * ffn);
}

void Model::mlp_block(const Layer& layer, int64_t rows, Saved& saved, float* x) {
  const int64_t width = config_.width, ffn = config_.ffn;
  gate_up(layer, rows, x, saved);
  tensor::Floats active(rows * ffn), out(rows * width);
  kernel::swiglu(saved.gate_up.data(), rows, ffn, active.data());
  linear(layer.down, adapter_, active.data(), ffn, rows, out.data(), width);
  kernel::add(out.data(), rows * width, x);
}

namespace {

void keep(const float* x, int64_t size, tensor::Floats& to) {
  to.resize(size);
  tensor::parallel(
      size, [&](int64_t begin, int64_t end) { std::copy(x + begin, x + end, to.data() + begin); });
}

}  // namespace

kernel::KvPool& Model::clean_pool(const Batch& batch, Saved& saved) const {
  if (saved.kv.blocks() < batch.blocks) saved.kv = kernel::KvPool(attention_shape(), batch.blocks);
  saved.kv.zero();
  return saved.kv;
}

void Model::run_again(size_t layer, const Batch& batch, Activations& activations) {
  const int64_t rows = batch.rows(), width = config_.width;
  Saved& saved = activations.again;
  keep(activations.layers[layer].x.data(), rows * width, saved.x);
  keep(saved.x.data(), rows * width, saved.middle);
  attention_block(layers_[layer], batch, clean_pool(batch, saved), saved, saved.middle.data());
  gate_up(layers_[layer], rows, saved.middle.data(), saved);
}

void Model::forward(const Batch& batch, Activations& activations, float* hidden) {
  const int64_t rows = batch.rows(), width = config_.width;
  reach(batch);
  activations.layers.resize(layers_.size());
  activations.x.resize(rows * width);
  float* x = activations.x.data();
  embed(batch, x);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const bool again = options_.gradient_checkpointing;
    Saved& saved = again ? activations.again : activations.layers[i];
    keep(x, rows * width, activations.layers[i].x);
    attention_block(layers_[i], batch, clean_pool(batch, saved), saved, x);
    if (!again) keep(x, rows * width, saved.middle);
    mlp_block(layers_[i], rows, saved, x);
  }
  flops_ += flops_per_row() * static_cast<double>(rows);
  final_hidden(batch, x, hidden);
}

void Model::final_hidden(const Batch& batch, const float* x, float* hidden) const {
  const int64_t width = config_.width;
  gather(batch.outputs, x, width, hidden);
  kernel::rms_norm({.rows = static_cast<int64_t>(batch.outputs.size()),
                    .width = width,
                    .x = hidden,
                    .ldx = width,
                    .weight = final_norm_->values.data(),
                    .eps = config_.norm_eps},
                   hidden, width, nullptr);
}

void Model::infer(const Batch& batch, KvCache& cache, float* hidden) {
  const int64_t rows = batch.rows();
  reach(batch);
  tensor::Floats x(rows * config_.width);
  embed(batch, x.data());
  for (size_t i = 0; i < layers_.size(); ++i) {
    attention_block(layers_[i], batch, cache.layers[i], scratch_, x.data());
    mlp_block(layers_[i], rows, scratch_, x.data());
  }
  flops_ += flops_per_row() * static_cast<double>(rows);
  final_hidden(batch, x.data(), hidden);
}

void Model::reach(const Batch& batch) {
  int32_t last = 0;
  for (int32_t position : batch.positions) last = std::max(last, position);
  rope_.reach(last + 1);
}

}  // namespace temper::model
