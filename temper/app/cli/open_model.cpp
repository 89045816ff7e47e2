#include "temper/app/cli/open_model.h"

#include <nlohmann/json.hpp>

#include "temper/engine/tensor/parallel.h"
#include "temper/foundation/clock/clock.h"
#include "temper/foundation/file/file.h"
#include "temper/learn/train/state.h"

namespace temper::cli {
namespace {

bool holds_model(const std::string& folder) {
  return file::exists(folder + "/config.json") || model::is_adapter_folder(folder);
}

/// Stands in where only lists of ids come and go, and nothing is decoded.
token::Tokenizer no_tokenizer() {
  return token::Tokenizer::from_json(
      R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
          "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
          "decoder": {"type": "ByteLevel"}, "normalizer": null, "post_processor": null,
          "added_tokens": []})",
      "a model without a tokenizer");
}

sample::Loaded load_weights(const std::string& path, const model::ModelOptions& options) {
  const weights::Checkpoint checkpoint = weights::Checkpoint::open(path);
  auto model = std::make_unique<model::Model>(model::Model::load(checkpoint, options));
  return {std::move(model), no_tokenizer(), checkpoint.config().eos_ids, path};
}

}  // namespace

std::string model_path(const std::string& path) {
  if (!file::is_folder(path) || holds_model(path)) return path;
  return train::newest_checkpoint(path).value_or(path);
}

OpenModel open_model(const ModelOptions& options, const Opening& opening) {
  if (options.num_threads > 0) tensor::use_threads(static_cast<int>(options.num_threads));
  sample::limit_memory(options.memory_limit);
  OpenModel open{.path = model_path(options.model),
                 .loaded = nullptr,
                 .renderer = nullptr,
                 .sampler = nullptr};
  const kernel::QuantiseOptions quantise = sample::quantise_options(options.quantise);
  model::ModelOptions wanted{
      .dtype = sample::dtype_of(options.dtype), .lora = {}, .quantise = quantise};
  if (opening.any_head) wanted.head = std::nullopt;
  const bool bare = !opening.needs_tokenizer && file::is_folder(open.path) &&
                    !model::is_adapter_folder(open.path) &&
                    !file::exists(open.path + "/tokenizer.json");
  open.loaded = std::make_unique<sample::Loaded>(bare ? load_weights(open.path, wanted)
                                                      : sample::load(open.path, wanted));
  std::vector<int32_t> ends = open.loaded->end_ids;
  if (!bare) {
    chat::RendererOptions render = opening.render;
    if (render.now_s == 0) render.now_s = static_cast<int64_t>(clock::epoch_seconds());
    open.renderer = std::make_unique<chat::Renderer>(open.loaded->tokenizer, render, ends);
    ends = open.renderer->stop_ids();
  }
  if (open.loaded->model->score_head()) return open;
  open.sampler = std::make_unique<sample::Sampler>(*open.loaded->model, open.loaded->tokenizer,
                                                   std::move(ends), opening.sampler);
  return open;
}

std::vector<int32_t> prompt_ids(Line& line, const OpenModel& model) {
  const Json *prompt = line.find("prompt"), *messages = line.find("messages");
  const Json *tools = line.find("tools"), *kwargs = line.find("chat_template_kwargs");
  if ((prompt == nullptr) == (messages == nullptr)) {
    throw Error({"wanted either 'prompt' or 'messages'", "", "give one of them"});
  }
  if (prompt != nullptr && prompt->is_array()) {
    return line.ids("prompt", model.loaded->model->config().vocabulary);
  }
  if (model.renderer == nullptr) {
    throw Error(
        {"text needs a tokenizer, and the model's folder has none", model.path, "give token ids"});
  }
  if (prompt != nullptr) return model.tokenizer().encode(*line.text("prompt"), true);
  if (kwargs != nullptr && !kwargs->is_object()) {
    throw Error({"chat_template_kwargs: wanted an object, got " + std::string(kwargs->type_name()),
                 "", ""});
  }
  return model.renderer->prompt(chat::messages_from_json(*messages, "messages"), tools, true,
                                kwargs);
}

}  // namespace temper::cli
