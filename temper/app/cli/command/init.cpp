// init: a fresh small model with random weights, and a tokenizer beside it, for tests and for
// training from nothing.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "temper/app/cli/open_model.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/number.h"

namespace temper::cli::init {

struct Options {
  std::string output_dir, model_config, tokenizer;
  std::string family = "llama", dtype = "bfloat16";
  int64_t seed = 42;
  int64_t width = 256, layers = 4, heads = 4, kv_heads = 0, ffn = 0, vocabulary = 0;
  int64_t context = 2048;
  double rope_theta = 10000;
  bool tied = true;
};
void describe(config::Fields<Options>& f) {
  f.add("output_dir", &Options::output_dir, "folder to write").required();
  f.add("tokenizer", &Options::tokenizer, "a folder or GGUF file whose tokenizer is copied")
      .required();
  f.add("model_config", &Options::model_config,
        "a Hugging Face config.json (--config x.json is the same); else the shape below");
  f.add("dtype", &Options::dtype, "bfloat16 or float32").choices({"bfloat16", "float32"});
  f.add("seed", &Options::seed, "of the weights").at_least(0);
  f.group("shape");
  f.add("family", &Options::family, "architecture").choices({"llama", "qwen2", "qwen3"});
  f.add("width", &Options::width, "of the residual stream").at_least(1);
  f.add("layers", &Options::layers, "number of blocks").at_least(1);
  f.add("heads", &Options::heads, "query heads").at_least(1);
  f.add("kv_heads", &Options::kv_heads, "key-value heads; 0 = heads").at_least(0);
  f.add("ffn", &Options::ffn, "width inside the MLP; 0 = 8/3 of width, a multiple of 64")
      .at_least(0);
  f.add("vocabulary", &Options::vocabulary, "rows of the embedding; 0 = the tokenizer's")
      .at_least(0);
  f.add("context", &Options::context, "longest sequence in tokens").at_least(1);
  f.add("rope_theta", &Options::rope_theta, "base of RoPE").above(0);
  f.add("tied", &Options::tied, "the head is the embedding");
}

Json config_json(const Options& o, int64_t vocabulary) {
  if (o.width % o.heads != 0) {
    throw Error({fmt::format("width {} is not a multiple of {} heads", o.width, o.heads),
                 "command line", "choose another --width or --heads"});
  }
  const std::string name = o.family == "llama" ? "Llama" : o.family == "qwen2" ? "Qwen2" : "Qwen3";
  return {{"architectures", {name + "ForCausalLM"}},
          {"model_type", o.family},
          {"hidden_act", "silu"},
          {"hidden_size", o.width},
          {"num_hidden_layers", o.layers},
          {"num_attention_heads", o.heads},
          {"num_key_value_heads", o.kv_heads == 0 ? o.heads : o.kv_heads},
          {"head_dim", o.width / o.heads},
          {"intermediate_size", o.ffn == 0 ? (o.width * 8 / 3 + 63) / 64 * 64 : o.ffn},
          {"vocab_size", vocabulary},
          {"max_position_embeddings", o.context},
          {"rms_norm_eps", 1e-6},
          {"rope_theta", o.rope_theta},
          {"tie_word_embeddings", o.tied}};
}

weights::ModelConfig config_of(const Options& options, const token::Tokenizer& tokenizer) {
  const int64_t size = tokenizer.vocabulary_size();
  weights::ModelConfig config =
      options.model_config.empty()
          ? weights::from_config_json(
                config_json(options, options.vocabulary == 0 ? size : options.vocabulary).dump(),
                "the options of temper init")
          : weights::from_config_json(file::read_file(options.model_config), options.model_config);
  if (config.vocabulary < size) {
    throw Error({fmt::format("the vocabulary has {} rows, the tokenizer {} tokens",
                             config.vocabulary, size),
                 options.model_config.empty() ? "command line" : options.model_config,
                 "make the vocabulary larger, or use a smaller tokenizer"});
  }
  const auto& specials = tokenizer.specials();
  if (options.model_config.empty()) {
    if (specials.eos) config.eos_ids = {*specials.eos};
    config.bos_id = specials.bos;
    config.pad_id = specials.pad;
  }
  return config;
}

Exit run(std::span<const std::string> args, const Context& context) {
  Options options;
  std::vector<std::string> words(args.begin(), args.end());
  for (size_t i = 0; i < words.size(); ++i) {  // a config.json is a model's, not this command's
    const bool next = words[i] == "--config" && i + 1 < words.size();
    if (next && words[i + 1].ends_with(".json")) words[i] = "--model_config";
    if (words[i].starts_with("--config=") && words[i].ends_with(".json")) {
      words[i] = "--model_config" + words[i].substr(8);
    }
  }
  const char* usage = "--output_dir D --tokenizer T [--config config.json | shape]";
  if (ask(config::bind(options), words, "init", usage).help) return Exit::Done;
  refuse_used_folder(options.output_dir);
  const token::Tokenizer tokenizer = sample::load_tokenizer(options.tokenizer);
  const weights::ModelConfig config = config_of(options, tokenizer);
  const model::Model model =
      model::Model::fresh(config, {.dtype = sample::dtype_of(options.dtype), .lora = {}},
                          static_cast<uint64_t>(options.seed));
  const std::string partial = options.output_dir + ".partial";
  file::remove_folder(partial);
  sample::write_model(partial, model, tokenizer);
  file::replace_folder(partial, options.output_dir);
  if (!context.terminal.quiet) {
    runlog::print(fmt::format("{}: {} with {} parameters, {}\n", options.output_dir,
                              config.architecture, text::grouped(weights::parameters_of(config)),
                              options.dtype));
  }
  return Exit::Done;
}

extern const Command entry = {"try", "a fresh model with random weights", run};

}  // namespace temper::cli::init
