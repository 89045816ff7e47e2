#include "temper/learn/train/reference_model.h"

#include <algorithm>
#include <utility>

#include "temper/engine/tensor/parallel.h"
#include "temper/foundation/error/error.h"

namespace temper::train {

void check_sync(const SyncOptions& sync, bool needs_reference, bool adapter) {
  if (!sync.sync_ref_model) return;
  if (!needs_reference) {
    throw Error({"nothing is measured against a reference here, so there is none to sync",
                 "sync_ref_model",
                 "leave it out; policy commands have a reference where --beta is above 0"});
  }
  if (adapter) {
    throw Error(
        {"the reference of an adapter is the model without it, and no copy that could "
         "follow the policy",
         "sync_ref_model", "leave it out, or train the whole model: --no_use_peft"});
  }
}

ReferenceModel::ReferenceModel(Run& run, const SyncOptions& sync) : run_(run), sync_(sync) {
  check_sync(sync, true, run.model().has_adapter());
  if (run.model().is_own_reference()) return;
  const bool adapter = run.model().has_adapter();  // one that trains whole modules too
  copy_ = sample::load(adapter ? run.base() : run.options().model_name_or_path,
                       {.dtype = sample::dtype_of(run.options().dtype),
                        .lora = {},
                        .quantise = run.model().options().quantise})
              .model;
  if (!sync_.sync_ref_model) return;
  masters_.resize(run.model().store().trained_size());
  run.keep(masters_.span());
}

void ReferenceModel::begin() {
  if (!sync_.sync_ref_model) return;
  if (run_.state().step > 0) {
    copy_->take(run_.model().store(), masters_.span());
  } else {  // the policy's own, dithered: their rounding is what was read
    const std::span<const float> policy = std::as_const(run_.model()).store().masters();
    std::copy(policy.begin(), policy.end(), masters_.span().begin());
  }
}

void ReferenceModel::ask(const std::function<void(model::Model&)>& act) {
  model::Model& asked = model();
  const double before = asked.flops();
  if (!copy_) asked.use_adapter(false);
  act(asked);
  asked.use_adapter(true);
  if (copy_) run_.model().count_flops(asked.flops() - before);
}

step::Mismatch ReferenceModel::read(const algo::PreferenceLoss& loss,
                                    std::span<step::Pair* const> pairs, double temperature) {
  step::Mismatch mismatch;
  ask([&](model::Model& asked) {
    step::PairStepper stepper(asked, loss, run_.options().micro_batch_tokens, temperature);
    mismatch = stepper.reference(pairs);
  });
  return mismatch;
}

void ReferenceModel::follow() {
  if (!sync_.sync_ref_model || run_.state().step % sync_.ref_model_sync_steps != 0) return;
  const model::WeightStore& policy = std::as_const(run_.model()).store();
  train::follow(masters_.span(), policy.masters(), sync_.ref_model_mixup_alpha);
  copy_->take(policy, masters_.span());
}

void follow(std::span<float> reference, std::span<const float> policy, double alpha) {
  const auto share = static_cast<float>(alpha), kept = 1 - share;
  tensor::parallel(std::ssize(reference), [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      reference[i] = kept * reference[i] + share * policy[i];
    }
  });
}

}  // namespace temper::train
