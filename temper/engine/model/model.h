// A transformer of the Llama kind (Llama, Qwen2, Qwen3): the one set of weights and the one
// numerics path that sampler, scorer and trainer share.
//
//   x += attention(norm(x));  x += swiglu(norm(x))  per layer;  hidden = norm(x);  logits = hidden
//   · headᵀ
//
// Each block has an explicit backward. The residual stream and all activations are float32; weights
// are bf16 or float32 (see kernel/gemm.h for what a product rounds).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "temper/engine/kernel/attention.h"
#include "temper/engine/kernel/gemm.h"
#include "temper/engine/model/batch.h"
#include "temper/engine/model/linear.h"
#include "temper/engine/model/lora.h"
#include "temper/engine/model/rope_table.h"
#include "temper/engine/model/score_head.h"
#include "temper/engine/model/weight.h"
#include "temper/engine/weights/checkpoint.h"
#include "temper/engine/weights/config.h"

namespace temper::model {

/// What is trained.
enum class Training { None, Full, Lora };

struct ModelOptions {
  kernel::Dtype dtype = kernel::Dtype::BFloat16;
  Training training = Training::None;
  LoraOptions lora;   ///< when training is Lora
  uint64_t seed = 0;  ///< of fresh adapters and score heads
  /// The head that is wanted, absent: the checkpoint's. A language model gets a fresh score head
  /// where one is wanted.
  std::optional<weights::HeadKind> head = weights::HeadKind::Language;
  std::optional<int32_t> pad_id = {};  ///< the padding token, of a model with a fresh score head
  /// The backward pass runs each layer forward again, bit for bit, instead of keeping its
  /// activations: a third more work for a tenth of their memory.
  bool gradient_checkpointing = false;
  /// How the layers' linear weights are stored that are not trained.
  kernel::QuantiseOptions quantise = {};
};

struct Layer {
  Weight *attention_norm, *mlp_norm;
  Weight *q_norm = nullptr, *k_norm = nullptr;  // Qwen3
  Linear q, k, v, o, gate, up, down;
  int64_t window = 0;  // of its attention
};

/// What a forward pass keeps for the backward pass of one layer, and reuses between calls.
struct Saved {
  tensor::Floats x, q, raw_qk, attention, lse, middle, gate_up;
  kernel::KvPool kv;
};

/// Scratch and saved activations of a batch; reusable for the next.
struct Activations {
  std::vector<Saved> layers;
  Saved again;  // of the layer that is run once more, with gradient_checkpointing
  tensor::Floats
      x;  // [T, D] the residual stream; after forward its last value, before the final norm
};

/// Keys and values of sequences that are being sampled: one pool a layer.
struct KvCache {
  std::vector<kernel::KvPool> layers;
};

class Model {
 public:
  /// Reads and packs the weights. Throws Error for what the checkpoint lacks, and for a head that
  /// is not the one wanted.
  static Model load(const weights::Checkpoint& checkpoint, const ModelOptions& options);
  /// Fresh weights: normal(0, initializer_range), norms 1, biases 0.
  static Model fresh(const weights::ModelConfig& config, const ModelOptions& options,
                     uint64_t seed);

  const weights::ModelConfig& config() const { return config_; }
  const ModelOptions& options() const { return options_; }
  /// Of a layer with this window.
  kernel::AttentionShape attention_shape(int64_t window = 0) const;

  /// Final hidden states of batch.outputs, [N, D], normalised. Keeps what backward needs.
  void forward(const Batch& batch, Activations& activations, float* hidden);
  /// d_hidden: [N, D]. Adds to the gradients of all trained weights but the head's own product (see
  /// head()).
  void backward(const Batch& batch, Activations& activations, const float* d_hidden);
  /// The same numbers as forward, over cached keys and values; nothing is kept but them.
  void infer(const Batch& batch, KvCache& cache, float* hidden);

  KvCache cache(int64_t blocks) const;
  int64_t cache_block_bytes() const;

  /// The language head's weight, and its gradient (null when frozen). A model with a score head has
  /// none.
  const Weight& head() const;
  float* head_gradient();
  const ScoreHead& score_head() const { return score_; }

  WeightStore& store() { return store_; }
  const WeightStore& store() const { return store_; }
  /// Brings the forward copies up to date with the masters, after an optimizer step or a restore.
  void refresh();
  /// Makes the forward copies from masters that lie as another model's of the same shape do; what
  /// that model does not train stays.
  void take(const WeightStore& like, std::span<const float> masters);
  /// A number that changes with the weights, and with use_adapter().
  int64_t version() const { return version_; }

  /// False: adapters are left out, so that a LoRA run's model is its reference. Only where
  /// is_own_reference().
  void use_adapter(bool use);
  bool has_adapter() const { return options_.training == Training::Lora; }
  /// Whether the model without its adapters is the base model: nothing of it is trained whole.
  bool is_own_reference() const;
  /// The linear layer of this weight ("….q_proj.weight"), or null.
  const Linear* find_linear(std::string_view weight) const;

  /// The values of a tensor of tensors_of(config()) as the forward pass uses them.
  void read(const std::string& name, std::span<float> out) const;

  /// Floating-point operations of products so far, by count: 2 · rows · weights, and twice that
  /// again backward.
  double flops() const { return flops_; }
  void count_flops(double flops) { flops_ += flops; }

 private:
  Model(const weights::ModelConfig& config, const ModelOptions& options);
  void choose_trained();
  void start_score_head();
  void start_adapter();
  /// f(Linear&) on every linear layer of the blocks, in order.
  template <class F>
  void each_linear(F f) {
    for (Layer& l : layers_) {
      for (Linear* part : {&l.q, &l.k, &l.v, &l.o, &l.gate, &l.up, &l.down}) f(*part);
    }
  }
  kernel::Dtype dtype_of(const Weight& weight) const;
  bool needs_plain(const Weight& weight) const;
  bool quantises(const Weight& weight) const;
  void take(Weight& weight, std::span<const float> values);
  void reach(const Batch& batch);
  void embed(const Batch& batch, float* x) const;
  void attention_block(const Layer& layer, const Batch& batch, kernel::KvPool& kv, Saved& saved,
                       float* x);
  void gate_up(const Layer& layer, int64_t rows, const float* x, Saved& saved);
  void mlp_block(const Layer& layer, int64_t rows, Saved& saved, float* x);
  kernel::KvPool& clean_pool(const Batch& batch, Saved& saved) const;
  void run_again(size_t layer, const Batch& batch, Activations& activations);
  void attention_backward(const Layer& layer, const Batch& batch, Saved& saved, float* dx);
  void mlp_backward(const Layer& layer, int64_t rows, Saved& saved, float* dx);
  void head_norm(const Weight& norm, int64_t rows, int64_t heads, const float* x, int64_t ldx,
                 float* y, int64_t ldy) const;
  void final_hidden(const Batch& batch, const float* x, float* hidden) const;
  struct NormRows {
    const float* x;
    int64_t ldx, count;
  };
  /// dx has the row stride of x.
  void norm_backward(const Weight& norm, const NormRows& rows, const float* dy, int64_t ldy,
                     float* dx, bool accumulate);
  static std::vector<kernel::AttentionRows> attention_rows(const Batch& batch);
  double flops_per_row() const;
  double backward_passes() const;

  weights::ModelConfig config_;
  ModelOptions options_;
  WeightStore store_;
  std::vector<Layer> layers_;
  Weight *embedding_ = nullptr, *final_norm_ = nullptr, *head_ = nullptr;
  ScoreHead score_;
  RopeTable rope_;
  Saved scratch_;          // of infer
  kernel::KvPool d_pool_;  // of backward
  bool adapter_ = true;
  int64_t version_ = 0;
  double flops_ = 0;
};

}  // namespace temper::model
