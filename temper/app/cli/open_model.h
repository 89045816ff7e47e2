// A model opened to be asked: weights, tokenizer, chat template and sampler, for every command that
// samples or scores.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "temper/app/cli/command.h"
#include "temper/app/cli/line.h"
#include "temper/engine/sample/load.h"
#include "temper/engine/sample/sampler.h"
#include "temper/language/chat/renderer.h"

namespace temper::cli {

struct OpenModel {
  std::string path;                          ///< the folder or file that was loaded
  std::unique_ptr<sample::Loaded> loaded;    ///< on the heap: the sampler refers to it
  std::unique_ptr<chat::Renderer> renderer;  ///< null when the model came without a tokenizer
  /// Ends at every id that ends a turn; null where the model has a score head.
  std::unique_ptr<sample::Sampler> sampler;

  const token::Tokenizer& tokenizer() const { return loaded->tokenizer; }
};

struct Opening {
  chat::RendererOptions render = {};
  sample::SamplerOptions sampler = {};
  bool needs_tokenizer = true;  ///< false: a folder of weights alone will do
  bool any_head = false;        ///< true: reward models too
};

/// Throws Error when it cannot be had.
OpenModel open_model(const ModelOptions& options, const Opening& opening = {});

/// The path itself, or the newest checkpoint of a run's folder that has no final model yet.
std::string model_path(const std::string& path);

/// The prompt of a line: `prompt` (text, or token ids), or `messages` with `tools` and
/// `chat_template_kwargs`.
std::vector<int32_t> prompt_ids(Line& line, const OpenModel& model);

}  // namespace temper::cli
