// What a sampler runs: a model, or a mixture of two, and the cached keys and values of what was
// read with it.
#pragma once

#include <cstdint>

#include "temper/engine/model/model.h"
#include "temper/engine/sample/kv_blocks.h"

namespace temper::sample {

class Runner {
 public:
  explicit Runner(model::Model& model) : model_(model) {}

  /// From here on logits are (1 - share) · the model's + share · those of `other`: a geometric
  /// mixture of two models over one vocabulary. `other` may be the model itself: its adapter is
  /// left out then. Throws Error for two vocabularies.
  void mix(model::Model& other, double share);

  model::Model& model() { return model_; }
  const model::Model& model() const { return model_; }
  int64_t block_bytes() const;

  /// Before a call: nobody holds a block, what other weights wrote is forgotten, and there are that
  /// many blocks at least.
  void prepare(int64_t blocks);
  KvBlocks& blocks() { return blocks_; }
  /// A block of zeros to write: a masked key must be finite.
  int32_t take();
  void copy(int32_t from, int32_t to);

  /// Runs the rows over the cache, and writes the logits [outputs, vocabulary] of the batch's
  /// outputs where they are wanted.
  void infer(model::Batch& batch, tensor::Floats* logits);

 private:
  template <class Act>
  void each_pool(Act act);

  model::Model& model_;
  model::Model* other_ = nullptr;
  double share_ = 0;
  model::KvCache cache_, other_cache_;  // of the same blocks
  KvBlocks blocks_;
  int64_t version_ = 0, other_version_ = 0;  // of the weights that the contents are of
  tensor::Floats other_logits_;
};

}  // namespace temper::sample
