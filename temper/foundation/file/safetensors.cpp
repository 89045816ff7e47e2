#include "temper/foundation/file/safetensors.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_map>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/text/json.h"

namespace temper::file {

namespace {

using Bytes = std::span<const std::byte>;
using Tensor = Safetensors::Tensor;
using Metadata = std::vector<std::pair<std::string, std::string>>;

constexpr uint64_t kLongestHeader = 100'000'000;  // the format's own limit
constexpr const char* kDamaged = "the file is damaged; fetch it again";
constexpr Format kFormats[] = {Format::F64, Format::F32, Format::F16, Format::BF16, Format::I64,
                               Format::I32, Format::I16, Format::I8,  Format::U8,   Format::Bool};

int64_t whole(const Json& value, const std::string& what, const std::string& where) {
  if (!value.is_number_integer() ||
      (value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{1} << 62) ||
      value.get<int64_t>() < 0) {
    throw Error({what + " should be a whole number of at least 0, got " +
                     text::to_line(value).substr(0, 80),
                 where, kDamaged});
  }
  return value.get<int64_t>();
}

/// The data span is filled in by the caller from `begin` and `end`.
struct Placed {
  Tensor tensor;
  int64_t begin, end;
};

Placed read_entry(const std::string& name, const Json& entry, const std::string& where) {
  if (!entry.is_object()) throw Error({"the entry should be an object", where, kDamaged});
  for (const auto& [key, value] : entry.items()) {
    if (key != "dtype" && key != "shape" && key != "data_offsets") {
      throw Error(
          {"unknown key '" + key + "'; wanted dtype, shape, data_offsets", where, kDamaged});
    }
  }
  if (!entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets")) {
    throw Error({"the entry should have dtype, shape and data_offsets", where, kDamaged});
  }
  const Json &dtype = entry["dtype"], &shape = entry["shape"], &offsets = entry["data_offsets"];
  std::optional<Format> format;
  for (Format known : kFormats) {
    if (dtype.is_string() && dtype.get_ref<const std::string&>() == name_of(known)) format = known;
  }
  if (!format) {
    throw Error({"unknown dtype " + text::to_line(dtype).substr(0, 80), where,
                 "save the model as float32 or bfloat16"});
  }
  Placed placed{{name, {}, *format, {}}, 0, 0};
  if (!shape.is_array()) throw Error({"the shape should be a list", where, kDamaged});
  for (const Json& length : shape) placed.tensor.shape.push_back(whole(length, "a length", where));
  if (!offsets.is_array() || offsets.size() != 2) {
    throw Error({"data_offsets should be two numbers", where, kDamaged});
  }
  placed.begin = whole(offsets[0], "an offset", where);
  placed.end = whole(offsets[1], "an offset", where);
  int64_t size = bytes_of(*format, placed.tensor.shape, where);
  if (placed.end < placed.begin || placed.end - placed.begin != size) {
    throw Error({"data_offsets give " + std::to_string(placed.end - placed.begin) + " bytes, but " +
                     std::string(name_of(*format)) + " " + shape_text(placed.tensor.shape) +
                     " takes " + std::to_string(size),
                 where, kDamaged});
  }
  return placed;
}

Metadata read_metadata(const Json& object, const std::string& where) {
  if (!object.is_object())
    throw Error({"__metadata__ should be an object of strings", where, kDamaged});
  Metadata metadata;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string())
      throw Error({"__metadata__ should hold strings alone", where, kDamaged});
    metadata.emplace_back(key, value.get<std::string>());
  }
  return metadata;
}

/// One file's tensors in the order of their bytes, checked to cover the data without gap or
/// overlap.
std::vector<Tensor> read_tensors(Bytes bytes, const std::string& where, Metadata& metadata) {
  uint64_t length = 0;
  if (bytes.size() >= 8) std::memcpy(&length, bytes.data(), 8);
  if (bytes.size() < 8 || length > bytes.size() - 8) {
    throw Error({"the file is too short: its header should take " + std::to_string(length) +
                     " bytes, the file has " + std::to_string(bytes.size()),
                 where, "the file is cut short, or no safetensors file; fetch it again"});
  }
  if (length > kLongestHeader) {
    throw Error(
        {"the header takes " + std::to_string(length) + " bytes, at most 100,000,000 are allowed",
         where, kDamaged});
  }
  Bytes data = bytes.subspan(8 + length);
  Json header = text::parse_json({reinterpret_cast<const char*>(bytes.data()) + 8, length}, where);
  if (!header.is_object()) throw Error({"the header should be an object", where, kDamaged});
  std::vector<Placed> all;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      metadata = read_metadata(entry, where);
    } else {
      all.push_back(read_entry(name, entry, where + ", tensor '" + name.substr(0, 200) + "'"));
    }
  }
  std::sort(all.begin(), all.end(), [](const Placed& a, const Placed& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::vector<Tensor> tensors;
  int64_t at = 0;
  for (Placed& placed : all) {
    const std::string place = where + ", tensor '" + placed.tensor.name.substr(0, 200) + "'";
    if (placed.begin != at) {
      throw Error({"its bytes begin at " + std::to_string(placed.begin) + ", wanted " +
                       std::to_string(at) + " (the end of the tensor before)",
                   place, kDamaged});
    }
    if (static_cast<uint64_t>(placed.end) > data.size()) {
      throw Error({"the file is too short: the tensor ends at byte " + std::to_string(placed.end) +
                       " of the data, which has " + std::to_string(data.size()),
                   place, "the file is cut short; fetch it again"});
    }
    at = placed.end;
    placed.tensor.data = data.subspan(static_cast<size_t>(placed.begin),
                                      static_cast<size_t>(placed.end - placed.begin));
    tensors.push_back(std::move(placed.tensor));
  }
  if (static_cast<uint64_t>(at) != data.size()) {
    throw Error({"the tensors take " + std::to_string(at) + " bytes, the file has " +
                     std::to_string(data.size()) + " of data",
                 where, kDamaged});
  }
  return tensors;
}

}  // namespace

struct Safetensors::State {
  std::deque<MappedFile> files;
  std::string where;
  Metadata metadata;
  std::vector<Tensor> tensors;
  std::unordered_map<std::string_view, size_t> by_name;

  void index() {
    for (size_t i = 0; i < tensors.size(); ++i) by_name.emplace(tensors[i].name, i);
  }
};

Safetensors Safetensors::open(const std::string& path) {
  auto state = std::make_shared<State>();
  state->where = path;
  state->files.push_back(MappedFile::open(path));
  state->tensors = read_tensors(state->files.back().bytes(), path, state->metadata);
  state->index();
  return Safetensors(std::move(state));
}

Safetensors Safetensors::parse(Bytes bytes, const std::string& where) {
  auto state = std::make_shared<State>();
  state->where = where;
  state->tensors = read_tensors(bytes, where, state->metadata);
  state->index();
  return Safetensors(std::move(state));
}

Safetensors Safetensors::open_folder(const std::string& folder) {
  const std::string whole_file = folder + "/model.safetensors", index = whole_file + ".index.json";
  if (exists(whole_file)) return open(whole_file);
  if (!exists(index)) {
    throw Error({"the folder holds neither model.safetensors nor model.safetensors.index.json",
                 folder,
                 "name a model's folder; weights in another format can be saved by transformers as "
                 "safetensors"});
  }
  Json json = text::parse_json(read_file(index), index);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object()) {
    throw Error({"the index should be an object with a 'weight_map'", index, kDamaged});
  }
  std::map<std::string, std::set<std::string>> shards;  // file, the tensors the index says it holds
  for (const auto& [name, shard] : json["weight_map"].items()) {
    if (!shard.is_string())
      throw Error({"weight_map should give '" + name + "' a file name", index, kDamaged});
    std::string file_name = shard.get<std::string>();
    if (file_name.empty() || file_name.find('/') != std::string::npos ||
        file_name.find('\0') != std::string::npos) {
      throw Error(
          {"weight_map names '" + file_name + "', which is not in the folder", index, kDamaged});
    }
    shards[file_name].insert(name);
  }
  auto state = std::make_shared<State>();
  state->where = folder;
  for (auto& [file_name, names] : shards) {
    const std::string path = folder + "/" + file_name;
    if (!exists(path)) {
      throw Error({"the shard '" + file_name + "' is missing; " + std::to_string(names.size()) +
                       " tensors should be in it",
                   folder, "fetch the file, or the whole folder again"});
    }
    state->files.push_back(MappedFile::open(path));
    Metadata metadata;
    for (Tensor& tensor : read_tensors(state->files.back().bytes(), path, metadata)) {
      if (names.erase(tensor.name)) state->tensors.push_back(std::move(tensor));
    }
    if (!names.empty()) {
      throw Error({"the tensor '" + *names.begin() + "' is not in its shard", path,
                   "the index and the shards do not belong together; fetch the folder again"});
    }
    if (state->files.size() == 1) state->metadata = std::move(metadata);
  }
  state->index();
  return Safetensors(std::move(state));
}

const std::string& Safetensors::where() const {
  return state_->where;
}
std::span<const Tensor> Safetensors::tensors() const {
  return state_->tensors;
}
std::span<const std::pair<std::string, std::string>> Safetensors::metadata() const {
  return state_->metadata;
}

const Tensor* Safetensors::find(std::string_view name) const {
  auto at = state_->by_name.find(name);
  return at == state_->by_name.end() ? nullptr : &state_->tensors[at->second];
}

struct SafetensorsWriter::State {
  std::string path, temporary;
  std::vector<Entry> entries;
  std::vector<int64_t> sizes;
  size_t next = 0;      // the tensor being written
  int64_t written = 0;  // its bytes so far
  std::optional<AppendFile> file;

  ~State() {
    if (!file) return;
    file.reset();
    std::remove(temporary.c_str());
  }
  // Passes tensors that are full (those of no bytes are from the start).
  void skip_full() {
    while (next < entries.size() && written == sizes[next]) ++next, written = 0;
  }
};

SafetensorsWriter::SafetensorsWriter(const std::string& path, std::vector<Entry> entries,
                                     Metadata metadata)
    : state_(std::make_unique<State>()) {
  state_->path = path;
  state_->temporary = path + ".tmp";
  Json header = Json::object();
  for (const auto& [key, value] : metadata) header["__metadata__"][key] = value;
  int64_t at = 0;
  for (const Entry& entry : entries) {
    int64_t size = bytes_of(entry.format, entry.shape, path + ", tensor '" + entry.name + "'");
    ASSERT(block_size(entry.format) == 1, "safetensors holds no quantised types");
    ASSERT(entry.name != "__metadata__" && !header.contains(entry.name),
           "each tensor has a name of its own");
    Json shape = Json::array();
    for (int64_t length : entry.shape) shape.push_back(length);
    header[entry.name] = {
        {"dtype", name_of(entry.format)}, {"shape", shape}, {"data_offsets", {at, at + size}}};
    at += size;
    state_->sizes.push_back(size);
  }
  state_->entries = std::move(entries);
  std::string text = text::to_line(header);
  text.resize((text.size() + 7) / 8 * 8,
              ' ');  // the data begins at a multiple of 8, as the format asks
  uint64_t length = text.size();
  std::remove(state_->temporary.c_str());
  state_->file = AppendFile::open(state_->temporary);
  state_->file->write({reinterpret_cast<const char*>(&length), 8});
  state_->file->write(text);
  state_->skip_full();
}

SafetensorsWriter::SafetensorsWriter(SafetensorsWriter&&) noexcept = default;
SafetensorsWriter& SafetensorsWriter::operator=(SafetensorsWriter&&) noexcept = default;
SafetensorsWriter::~SafetensorsWriter() = default;

void SafetensorsWriter::write(std::string_view name, Bytes bytes) {
  if (bytes.empty()) return;
  ASSERT(state_ && state_->file, "written after close");
  ASSERT(state_->next < state_->entries.size(), "more tensors than declared");
  ASSERT(state_->entries[state_->next].name == name, "tensors come in the order declared");
  state_->written += static_cast<int64_t>(bytes.size());
  ASSERT(state_->written <= state_->sizes[state_->next], "more bytes than the shape has");
  state_->file->write({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  state_->skip_full();
}

void SafetensorsWriter::close() {
  ASSERT(state_ && state_->file, "closed twice");
  ASSERT(state_->next == state_->entries.size(), "a declared tensor was not written in full");
  state_->file->sync();
  replace_file(state_->temporary, state_->path);
  state_->file.reset();
}

}  // namespace temper::file
