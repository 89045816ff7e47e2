// How a model gets its weights: from a checkpoint, another model, or fresh; a score head and
// adapters start here.
#include <cmath>

#include "temper/engine/model/model.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/random/random.h"

namespace temper::model {
namespace {

/// The checkpoint's configuration under the head that is wanted.
weights::ModelConfig under_head(const weights::Checkpoint& checkpoint,
                                const ModelOptions& options) {
  using weights::HeadKind;
  const weights::ModelConfig& own = checkpoint.config();
  if (!options.head) return own;
  weights::ModelConfig config = weights::with_head(own, *options.head);
  if (own.head == HeadKind::Language) {
    if (*options.head != HeadKind::Language && options.pad_id) config.pad_id = options.pad_id;
    return config;
  }
  if (*options.head == HeadKind::Language) {
    throw Error({"the model has a score head, not a language head (" + own.architecture + ")",
                 checkpoint.path(),
                 "temper score asks it, temper reward and temper prm train it on; give a language "
                 "model here"});
  }
  if (own.head != *options.head || own.labels != config.labels) {
    throw Error({"wanted a score head as " + config.architecture + " has it with " +
                     std::to_string(config.labels) + " labels, got " + own.architecture + " with " +
                     std::to_string(own.labels),
                 checkpoint.path(), "begin with a language model: it gets a fresh head"});
  }
  return own;
}

}  // namespace

Model Model::load(const weights::Checkpoint& checkpoint, const ModelOptions& options) {
  checkpoint.check();
  Model model(under_head(checkpoint, options), options);
  for (Weight& weight : model.store_.all()) {
    if (!checkpoint.has(weight.name)) continue;  // an adapter's, or a fresh head's
    model.take(weight, checkpoint.read(weight.name));
  }
  if (model.score_ && !checkpoint.has(model.score_.weight->name)) model.start_score_head();
  model.start_adapter();
  return model;
}

Model Model::fresh(const weights::ModelConfig& config, const ModelOptions& options, uint64_t seed) {
  Model model(config, options);
  const random::Stream init(seed, random::Purpose::Init);
  uint32_t number = 0;
  for (Weight& weight : model.store_.all()) {
    std::vector<float> values(static_cast<size_t>(weight.size()));
    const bool bias = weight.name.ends_with(".bias");
    for (size_t i = 0; i < values.size(); ++i) {
      const random::Draw draw =
          init.at(number, 0, static_cast<uint32_t>(i >> 32), static_cast<uint32_t>(i));
      values[i] = bias ? 0.0f
                  : !weight.is_matrix
                      ? 1.0f
                      : static_cast<float>(draw.normal() * config.initializer_range);
    }
    model.take(weight, values);
    ++number;
  }
  model.start_adapter();
  return model;
}

void Model::start_score_head() {
  const random::Stream init = random::Stream(options_.seed, random::Purpose::Init).part(2);
  std::vector<float> values(static_cast<size_t>(score_.weight->size()));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(init.at(0, 0, 0, static_cast<uint32_t>(i)).normal() *
                                   config_.initializer_range);
  }
  store_.assign(*score_.weight, values, dtype_of(*score_.weight), false);
  if (score_.bias == nullptr) return;
  const std::vector<float> zeros(static_cast<size_t>(score_.bias->size()), 0.0f);
  store_.assign(*score_.bias, zeros, dtype_of(*score_.bias), false);
}

void Model::start_adapter() {  // PEFT: A uniform in ±1/√in (Kaiming, a = √5), B zero, m = ‖W‖
  const random::Stream init = random::Stream(options_.seed, random::Purpose::Init).part(1);
  uint32_t number = 0;
  each_linear([&](Linear& layer) {
    if (layer.lora_a == nullptr) return;
    std::vector<float> a(static_cast<size_t>(layer.lora_a->size()));
    const double bound = 1 / std::sqrt(static_cast<double>(layer.in()));
    for (size_t i = 0; i < a.size(); ++i) {
      a[i] = static_cast<float>(
          init.at(number, 0, 0, static_cast<uint32_t>(i)).uniform(-bound, bound));
    }
    ++number;
    const std::vector<float> b(static_cast<size_t>(layer.lora_b->size()), 0.0f);
    store_.assign(*layer.lora_a, a, kernel::Dtype::Float32, true);
    store_.assign(*layer.lora_b, b, kernel::Dtype::Float32, true);
    if (layer.magnitude == nullptr) return;
    store_.assign(*layer.magnitude, start_magnitude(layer), kernel::Dtype::Float32, false);
    refresh_gain(layer);
  });
}

void Model::take(const WeightStore& like, std::span<const float> masters) {
  for (const Weight& there : like.all()) {
    if (!there.trained()) continue;
    Weight* own = store_.find(there.name);
    ASSERT(own != nullptr && own->size() == there.size(), "two models of one shape");
    store_.assign(
        *own, masters.subspan(static_cast<size_t>(there.offset), static_cast<size_t>(there.size())),
        dtype_of(*own), needs_plain(*own));
  }
  ++version_;
}

}  // namespace temper::model
