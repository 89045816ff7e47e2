#include "temper/engine/weights/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "temper/engine/tensor/parallel.h"
#include "temper/engine/weights/dequantise.h"
#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/file/gguf.h"
#include "temper/foundation/file/safetensors.h"

namespace temper::weights {

namespace {

using file::Gguf;
using file::Safetensors;

struct Stored {
  Format format;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;
  int64_t heads = 0;  // above 0: rows of each head are interleaved, as GGUF stores Llama's q and k
};

/// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight"; nothing where GGUF has a name
/// of its own.
std::optional<std::string> hugging_face_name(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> kWhole[] = {
      {"token_embd.weight", "model.embed_tokens.weight"},
      {"output_norm.weight", "model.norm.weight"},
      {"output.weight", "lm_head.weight"}};
  static constexpr std::pair<std::string_view, std::string_view> kInLayer[] = {
      {"attn_norm", "input_layernorm"},    {"ffn_norm", "post_attention_layernorm"},
      {"attn_q", "self_attn.q_proj"},      {"attn_k", "self_attn.k_proj"},
      {"attn_v", "self_attn.v_proj"},      {"attn_output", "self_attn.o_proj"},
      {"attn_q_norm", "self_attn.q_norm"}, {"attn_k_norm", "self_attn.k_norm"},
      {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
      {"ffn_down", "mlp.down_proj"}};
  for (auto [gguf, hf] : kWhole) {
    if (name == gguf) return std::string(hf);
  }
  if (name.substr(0, 4) != "blk.") return std::nullopt;
  name.remove_prefix(4);
  size_t dot = name.find('.'), last = name.rfind('.');
  if (dot == std::string_view::npos || dot == last) return std::nullopt;
  std::string_view layer = name.substr(0, dot), middle = name.substr(dot + 1, last - dot - 1),
                   end = name.substr(last);
  bool digits = !layer.empty() && std::all_of(layer.begin(), layer.end(),
                                              [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || (end != ".weight" && end != ".bias")) return std::nullopt;
  for (auto [gguf, hf] : kInLayer) {
    if (middle == gguf) {
      return "model.layers." + std::string(layer) + "." + std::string(hf) + std::string(end);
    }
  }
  return std::nullopt;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// "a, b, c and 5 more"
std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kShown = 4;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
  return text;
}

}  // namespace

struct Checkpoint::State {
  std::string path;
  ModelConfig config;
  std::optional<Safetensors> folder;
  std::optional<Gguf> gguf;
  std::map<std::string, Stored, std::less<>> tensors;

  const Stored& need(std::string_view name) const {
    auto at = tensors.find(name);
    if (at == tensors.end()) {
      throw Error({"the tensor '" + std::string(name) + "' is missing", path,
                   "the weights do not belong to the configuration, or are not complete"});
    }
    return at->second;
  }
  void add(const Safetensors::Tensor& tensor) {
    // A tied head may be stored all the same, and old Llama files hold RoPE's frequencies: neither
    // is read.
    if (config.tied_head && tensor.name == "lm_head.weight") return;
    if (ends_with(tensor.name, ".rotary_emb.inv_freq")) return;
    tensors.emplace(tensor.name, Stored{tensor.format, tensor.shape, tensor.data, 0});
  }
  void add(const Gguf::Tensor& tensor) {
    if (tensor.name == "rope_freqs.weight") return;  // read as part of the configuration
    std::string name = hugging_face_name(tensor.name).value_or(tensor.name);
    Stored stored{tensor.format, tensor.shape, tensor.data, 0};
    if (config.family == Family::Llama) {
      if (name.find(".q_proj.") != std::string::npos) stored.heads = config.heads;
      if (name.find(".k_proj.") != std::string::npos) stored.heads = config.kv_heads;
    }
    tensors.emplace(std::move(name), std::move(stored));
  }
};

Checkpoint Checkpoint::open(const std::string& path) {
  auto state = std::make_shared<State>();
  state->path = path;
  if (file::is_folder(path)) {
    state->config = from_folder(path);
    state->folder = Safetensors::open_folder(path);
    for (const auto& tensor : state->folder->tensors()) state->add(tensor);
  } else if (!file::exists(path)) {
    throw Error({"there is no model: no such file or folder", path,
                 "name a model's folder (config.json and safetensors), or a .gguf file"});
  } else if (ends_with(path, ".safetensors") || ends_with(path, ".json")) {
    throw Error({"this is one file of a model", path, "name the folder it is in"});
  } else {
    state->gguf = Gguf::open(path);
    state->config = from_gguf(*state->gguf);
    for (const auto& tensor : state->gguf->tensors()) state->add(tensor);
  }
  return Checkpoint(std::move(state));
}

const std::string& Checkpoint::path() const {
  return state_->path;
}
const ModelConfig& Checkpoint::config() const {
  return state_->config;
}
bool Checkpoint::has(std::string_view name) const {
  return state_->tensors.count(name) != 0;
}
std::vector<int64_t> Checkpoint::shape(std::string_view name) const {
  return state_->need(name).shape;
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state_->tensors) names.push_back(name);
  return names;
}

std::vector<float> Checkpoint::read(std::string_view name) const {
  const Stored& stored = state_->need(name);
  std::vector<float> out(
      static_cast<size_t>(file::bytes_of(Format::U8, stored.shape, state_->path)));
  read(name, out);
  return out;
}

void Checkpoint::read(std::string_view name, std::span<float> out) const {
  const Stored& stored = state_->need(name);
  const std::string where = state_->path + ", tensor '" + std::string(name) + "'";
  if (!readable(stored.format)) {
    throw Error({"it is stored as " + std::string(name_of(stored.format)) +
                     "; wanted F64, F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0 or Q5_1",
                 where, "convert the model to one of these"});
  }
  const auto count = static_cast<int64_t>(out.size());
  ASSERT(count == file::bytes_of(Format::U8, stored.shape, where), "room for every number");
  const int64_t columns = stored.shape.empty() ? 1 : stored.shape.back();
  const int64_t rows = columns == 0 ? 0 : count / columns;
  const int64_t row_bytes = rows == 0 ? 0 : static_cast<int64_t>(stored.data.size()) / rows;
  // Reads row r of the file as row place(r); a small tensor is not worth waking threads.
  auto read_rows = [&](auto place) {
    auto share = [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        auto row =
            stored.data.subspan(static_cast<size_t>(r * row_bytes), static_cast<size_t>(row_bytes));
        to_float(stored.format, row, out.data() + place(r) * columns, columns);
      }
    };
    constexpr int64_t kLarge = 1 << 16;
    if (count < kLarge) {
      share(0, rows);
    } else {
      tensor::parallel(rows, share);
    }
  };
  if (stored.heads == 0) return read_rows([](int64_t r) { return r; });
  // Within a head, pairs (i, i + half) that RoPE turns together stand side by side in GGUF.
  const int64_t half = state_->config.head_dim / 2;
  if (stored.shape.empty() || stored.shape[0] != stored.heads * 2 * half) {
    throw Error({"wanted " + std::to_string(stored.heads * 2 * half) + " rows, got " +
                     file::shape_text(stored.shape),
                 where, "the weights do not belong to the configuration"});
  }
  auto place = [&](int64_t r) {
    return r / (2 * half) * 2 * half + r % 2 * half + r % (2 * half) / 2;
  };
  if (stored.shape.size() > 1) return read_rows(place);
  std::vector<float> stored_order(out.size());
  to_float(stored.format, stored.data, stored_order.data(), count);
  for (int64_t r = 0; r < count; ++r) {
    out[static_cast<size_t>(place(r))] = stored_order[static_cast<size_t>(r)];
  }
}

void Checkpoint::check() const {
  std::vector<std::string> missing, wrong, unexpected;
  std::map<std::string_view, const NamedShape*> wanted;
  const std::vector<NamedShape> all = tensors_of(state_->config);
  for (const NamedShape& tensor : all) {
    wanted.emplace(tensor.name, &tensor);
    auto at = state_->tensors.find(tensor.name);
    if (at == state_->tensors.end()) {
      missing.push_back(tensor.name);
    } else if (at->second.shape != tensor.shape) {
      wrong.push_back(tensor.name + " (wanted " + file::shape_text(tensor.shape) + ", got " +
                      file::shape_text(at->second.shape) + ")");
    } else if (!readable(at->second.format)) {
      wrong.push_back(tensor.name +
                      " (wanted floating-point or Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, got " +
                      std::string(name_of(at->second.format)) + ")");
    }
  }
  for (const auto& [name, tensor] : state_->tensors) {
    if (!wanted.count(name)) unexpected.push_back(name);
  }
  std::string what;
  auto say = [&](const char* kind, const std::vector<std::string>& names) {
    if (names.empty()) return;
    what += std::string(what.empty() ? "" : "; ") + kind + ": " + listed(names);
  };
  say("missing", missing);
  say("not as the configuration says", wrong);
  say("unexpected", unexpected);
  if (what.empty()) return;
  throw Error({"the weights do not fit the configuration: " + what, state_->path,
               "check that config.json and the weights belong together and are complete"});
}

}  // namespace temper::weights
