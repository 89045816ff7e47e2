// inspect: what a model's folder, a GGUF file, an adapter or a run's folder holds.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "temper/app/cli/open_model.h"
#include "temper/engine/weights/checkpoint.h"
#include "temper/foundation/config/yaml.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/file/gguf.h"
#include "temper/foundation/file/safetensors.h"
#include "temper/foundation/text/number.h"

namespace temper::cli::inspect {

struct Options {
  std::string model;
  bool json = false;
};
void describe(config::Fields<Options>& f) {
  f.add("model", &Options::model, "a model's or a run's folder, or a GGUF file").required();
  f.add("json", &Options::json, "print one JSON object");
}

std::string kind_of(const std::string& name) {
  for (const auto& [part, kind] : {std::pair{"embed_tokens", "embedding"},
                                   {"lm_head", "head"},
                                   {"score", "head"},
                                   {"norm", "norms"},
                                   {"self_attn", "attention"},
                                   {"mlp", "mlp"}}) {
    if (name.find(part) != std::string::npos) return kind;
  }
  return "other";
}

Json parameters(const weights::ModelConfig& config) {
  Json kinds = Json::object();
  for (const weights::NamedShape& tensor : weights::tensors_of(config)) {
    int64_t size = 1;
    for (const int64_t length : tensor.shape) size *= length;
    const std::string kind = kind_of(tensor.name);
    kinds[kind] = kinds.value(kind, int64_t{0}) + size;
  }
  return {{"total", weights::parameters_of(config)}, {"by_kind", kinds}};
}

/// Numbers stored in each format.
template <class Tensors>
Json formats(const Tensors& tensors) {
  Json out = Json::object();
  for (const auto& tensor : tensors) {
    int64_t size = 1;
    for (const int64_t length : tensor.shape) size *= length;
    const std::string name(file::name_of(tensor.format));
    out[name] = out.value(name, int64_t{0}) + size;
  }
  return out;
}

Json tokens_json(const std::string& path, const weights::ModelConfig& config) {
  try {
    const chat::Renderer renderer(sample::load_tokenizer(path), {}, config.eos_ids);
    Json ends = Json::array();
    for (const token::Id id : renderer.stop_ids()) {
      ends.push_back({{"id", id}, {"token", std::string(renderer.tokenizer().token(id))}});
    }
    return {{"size", renderer.tokenizer().vocabulary_size()},
            {"chat_template", renderer.has_template()},
            {"end_tokens", ends}};
  } catch (const Error& error) {
    return {{"error", error.parts().what}};
  }
}

Json model_json(const std::string& path) {
  const weights::Checkpoint checkpoint = weights::Checkpoint::open(path);
  checkpoint.check();
  const weights::ModelConfig& c = checkpoint.config();
  const bool gguf = path.ends_with(".gguf");
  return {{"kind", gguf ? "GGUF file" : "Hugging Face folder"},
          {"architecture", c.architecture},
          {"layers", c.layers},
          {"width", c.width},
          {"heads", c.heads},
          {"kv_heads", c.kv_heads},
          {"head_dim", c.head_dim},
          {"ffn", c.ffn},
          {"vocabulary", c.vocabulary},
          {"context", c.max_positions},
          {"rope_theta", c.rope_theta},
          {"tied_head", c.tied_head},
          {"parameters", parameters(c)},
          {"stored", gguf ? formats(file::Gguf::open(path).tensors())
                          : formats(file::Safetensors::open_folder(path).tensors())},
          {"tokenizer", tokens_json(path, c)}};
}

Json adapter_json(const std::string& path) {
  const model::AdapterConfig config = model::read_adapter_config(path);
  return {
      {"kind", "adapter"},
      {"base", config.base},
      {"rank", config.options.rank},
      {"alpha", config.options.alpha},
      {"use_rslora", config.options.rank_stabilised},
      {"use_dora", config.options.decomposed},
      {"modules_to_save", config.options.saved},
      {"targets", config.options.targets},
      {"stored", formats(file::Safetensors::open(path + "/adapter_model.safetensors").tensors())}};
}

Json run_json(const std::string& path) {
  Json checkpoints = Json::array();
  if (file::is_folder(path + "/checkpoints")) {
    for (const std::string& name : file::names_in(path + "/checkpoints")) {
      if (!name.ends_with(".partial")) checkpoints.push_back(name);
    }
  }
  Json run = {{"finished", file::exists(path + "/summary.json")}, {"checkpoints", checkpoints}};
  int64_t steps = 0;
  if (file::exists(path + "/metrics.jsonl")) {
    const std::string lines = file::read_file(path + "/metrics.jsonl");
    const size_t end = lines.find_last_of('\n');
    if (end != std::string::npos && end > 0) {
      const size_t begin = lines.find_last_of('\n', end - 1) + 1;
      const Json last =
          text::parse_json(std::string_view(lines).substr(begin, end - begin), "metrics.jsonl");
      steps = last.value("step", int64_t{0});
    }
  }
  run["steps"] = steps;
  if (file::exists(path + "/summary.json")) {
    run["summary"] = text::parse_json(file::read_file(path + "/summary.json"), "summary.json");
  }
  return run;
}

Json describe_path(const std::string& path) {
  if (!file::exists(path)) throw Error({"there is no such file or folder", path, ""});
  Json out = {{"path", path}};
  const bool is_run = file::is_folder(path) && (file::exists(path + "/config.yaml") ||
                                                file::is_folder(path + "/checkpoints"));
  if (is_run) out["run"] = run_json(path);
  const std::string holder = model_path(path);
  if (model::is_adapter_folder(holder)) {
    out["adapter"] = adapter_json(holder);
    const std::string base = out["adapter"]["base"].get<std::string>();
    if (file::exists(base)) out["model"] = model_json(base);
  } else if (!is_run || file::exists(holder + "/config.json")) {
    out["model"] = model_json(holder);
  }
  return out;
}

std::string line_of(const std::string& name, const std::string& value) {
  return fmt::format("{:<12} {}\n", name, value);
}

std::string counts(const Json& kinds) {
  std::string out;
  for (const auto& [kind, count] : kinds.items()) {
    out += (out.empty() ? "" : ", ") + kind + " " + text::grouped(count.get<int64_t>());
  }
  return out;
}

std::string model_text(const Json& m) {
  std::string out =
      line_of("model", m["architecture"].get<std::string>() + ", " + m["kind"].get<std::string>());
  out += line_of("parameters", text::grouped(m["parameters"]["total"].get<int64_t>()) + ": " +
                                   counts(m["parameters"]["by_kind"]));
  out += line_of("stored as", counts(m["stored"]));
  out += line_of("shape", fmt::format("{} layers, width {}, {} heads ({} kv) of {}, ffn {}{}",
                                      m["layers"].get<int64_t>(), m["width"].get<int64_t>(),
                                      m["heads"].get<int64_t>(), m["kv_heads"].get<int64_t>(),
                                      m["head_dim"].get<int64_t>(), m["ffn"].get<int64_t>(),
                                      m["tied_head"].get<bool>() ? ", tied head" : ""));
  out += line_of("context", text::grouped(m["context"].get<int64_t>()) + " tokens, RoPE base " +
                                text::grouped(m["rope_theta"].get<double>(), 0));
  out += line_of("vocabulary", text::grouped(m["vocabulary"].get<int64_t>()));
  const Json& t = m["tokenizer"];
  if (t.contains("error")) return out + line_of("tokenizer", t["error"].get<std::string>());
  std::string ends;
  for (const Json& each : t["end_tokens"]) {
    ends += (ends.empty() ? "" : ", ") + each["token"].get<std::string>() + " (" +
            each["id"].dump() + ")";
  }
  out += line_of("template", t["chat_template"].get<bool>() ? "yes" : "no");
  return out + line_of("ends at", ends.empty() ? "nothing" : ends);
}

std::string run_text(const Json& run) {
  std::string names;
  for (const Json& each : run["checkpoints"]) {
    names += (names.empty() ? "" : ", ") + each.get<std::string>();
  }
  std::string out = line_of("run", fmt::format("{}, {} steps logged",
                                               run["finished"].get<bool>() ? "finished" : "stopped",
                                               run["steps"].get<int64_t>()));
  out += line_of("checkpoints", names.empty() ? "none" : names);
  if (run.contains("summary")) out += "summary\n" + run["summary"].dump(2) + "\n";
  return out;
}

std::string kind_of(const Json& adapter) {
  const bool stabilised = adapter["use_rslora"], decomposed = adapter["use_dora"];
  return decomposed ? (stabilised ? "DoRA with rsLoRA" : "DoRA") : stabilised ? "rsLoRA" : "LoRA";
}

Exit run(std::span<const std::string> args, const Context&) {
  Options options;
  const std::vector<std::string> words = with_model_first(args);
  if (ask(config::bind(options), words, "inspect", "MODEL_OR_RUN [--json]").help) {
    return Exit::Done;
  }
  const Json found = describe_path(options.model);
  if (options.json) {
    runlog::print(text::to_line(found) + "\n");
    return Exit::Done;
  }
  std::string out;
  if (found.contains("run")) out += run_text(found["run"]);
  if (found.contains("adapter")) {
    const Json& adapter = found["adapter"];
    out += line_of("adapter",
                   fmt::format("{}, rank {}, alpha {}, on {}", kind_of(adapter),
                               adapter["rank"].get<int64_t>(), adapter["alpha"].get<double>(),
                               adapter["base"].get<std::string>()));
  }
  if (found.contains("model")) out += model_text(found["model"]);
  runlog::print(out);
  return Exit::Done;
}

extern const Command entry = {"look", "what a model or a run holds", run};

}  // namespace temper::cli::inspect
