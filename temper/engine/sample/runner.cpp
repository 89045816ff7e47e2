#include "temper/engine/sample/runner.h"

#include <string>

#include "temper/engine/kernel/head.h"
#include "temper/engine/tensor/parallel.h"
#include "temper/foundation/error/error.h"

namespace temper::sample {
namespace {

void grow(const model::Model& model, model::KvCache& cache, int64_t blocks) {
  if (cache.layers.empty()) cache = model.cache(blocks);
  for (kernel::KvPool& pool : cache.layers) {
    if (pool.blocks() < blocks) pool.grow(blocks);
  }
}

void run(model::Model& model, model::KvCache& cache, const model::Batch& batch,
         tensor::Floats* logits) {
  const auto outputs = static_cast<int64_t>(batch.outputs.size());
  tensor::Floats hidden(outputs * model.config().width);
  model.infer(batch, cache, outputs == 0 ? nullptr : hidden.data());
  if (logits == nullptr || outputs == 0) return;
  const int64_t wanted = outputs * model.config().vocabulary;
  if (logits->size() < wanted) logits->resize(wanted);
  kernel::head_logits(hidden.data(), outputs, model.head().forward, logits->data());
  model.count_flops(2.0 * static_cast<double>(outputs) * static_cast<double>(model.head().size()));
}

}  // namespace

void Runner::mix(model::Model& other, double share) {
  const int64_t own = model_.config().vocabulary, theirs = other.config().vocabulary;
  if (own != theirs) {
    throw Error({"the vocabularies have " + std::to_string(own) + " and " + std::to_string(theirs) +
                     " tokens",
                 "a mixture of two models", "take models of one family"});
  }
  other_ = &other;
  share_ = share;
  cache_ = {};
  other_cache_ = {};
  blocks_ = {};
}

int64_t Runner::block_bytes() const {
  return model_.cache_block_bytes() + (other_ == nullptr ? 0 : other_->cache_block_bytes());
}

void Runner::prepare(int64_t blocks) {
  const int64_t other = other_ == nullptr ? 0 : other_->version();
  blocks_.settle();
  if (version_ != model_.version() || other_version_ != other) blocks_.forget();
  version_ = model_.version();
  other_version_ = other;
  if (blocks <= blocks_.size()) return;
  grow(model_, cache_, blocks);
  if (other_ != nullptr) grow(*other_, other_cache_, blocks);
  blocks_.grow(blocks);
}

template <class Act>
void Runner::each_pool(Act act) {
  for (model::KvCache* cache : {&cache_, &other_cache_}) {
    for (kernel::KvPool& pool : cache->layers) act(pool);
  }
}

int32_t Runner::take() {
  const int32_t block = blocks_.take();
  each_pool([&](kernel::KvPool& pool) { pool.zero_block(block); });
  return block;
}

void Runner::copy(int32_t from, int32_t to) {
  each_pool([&](kernel::KvPool& pool) { pool.copy_block(from, to); });
}

void Runner::infer(model::Batch& batch, tensor::Floats* logits) {
  batch.blocks = blocks_.size();
  run(model_, cache_, batch, logits);
  if (other_ == nullptr) return;
  const bool own_reference = other_->is_own_reference();
  if (own_reference) other_->use_adapter(false);
  run(*other_, other_cache_, batch, logits == nullptr ? nullptr : &other_logits_);
  if (own_reference) other_->use_adapter(true);
  if (logits == nullptr) return;
  const auto theirs = static_cast<float>(share_), own = 1 - theirs;
  const auto count = static_cast<int64_t>(batch.outputs.size()) * model_.config().vocabulary;
  tensor::parallel(count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      logits->data()[i] = own * logits->data()[i] + theirs * other_logits_.data()[i];
    }
  });
}

}  // namespace temper::sample
