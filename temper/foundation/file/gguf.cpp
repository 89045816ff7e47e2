#include "temper/foundation/file/gguf.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <unordered_map>
#include <utility>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/file/gguf_cursor.h"

namespace temper::file {

namespace {

// ggml's tensor types by number; the gaps are types that were withdrawn.
std::optional<Format> format_of(uint32_t number) {
  using enum Format;
  static constexpr std::pair<uint32_t, Format> kTypes[] = {
      {0, F32},     {1, F16},    {2, Q4_0},     {3, Q4_1},    {6, Q5_0},     {7, Q5_1},
      {8, Q8_0},    {9, Q8_1},   {10, Q2_K},    {11, Q3_K},   {12, Q4_K},    {13, Q5_K},
      {14, Q6_K},   {15, Q8_K},  {16, IQ2_XXS}, {17, IQ2_XS}, {18, IQ3_XXS}, {19, IQ1_S},
      {20, IQ4_NL}, {21, IQ3_S}, {22, IQ2_S},   {23, IQ4_XS}, {24, I8},      {25, I16},
      {26, I32},    {27, I64},   {28, F64},     {29, IQ1_M},  {30, BF16},    {34, TQ1_0},
      {35, TQ2_0},  {39, MXFP4}};
  for (auto [known, format] : kTypes) {
    if (known == number) return format;
  }
  return std::nullopt;
}

struct Value {
  Kind kind;  // of the elements when it is an array
  bool array = false;
  uint64_t count = 1;
  Bytes data;  // where the (first) element lies
};

Kind read_kind(Cursor& cursor, std::string_view key) {
  uint32_t number = cursor.number<uint32_t>("a value's type");
  if (number > static_cast<uint32_t>(Kind::F64)) {
    cursor.refuse(
        "the value of '" + std::string(key) + "' has the unknown type " + std::to_string(number),
        "the file is damaged, or newer than GGUF version 3");
  }
  return static_cast<Kind>(number);
}

Value read_value(Cursor& cursor, std::string_view key) {
  Value value{read_kind(cursor, key), false, 1, {}};
  if (value.kind == Kind::Array) {
    value.array = true;
    value.kind = read_kind(cursor, key);
    if (value.kind == Kind::Array) {
      cursor.refuse("the value of '" + std::string(key) + "' is an array of arrays",
                    "write the file without nested arrays");
    }
    uint64_t each = value.kind == Kind::String ? 8 : static_cast<uint64_t>(bytes_of(value.kind));
    uint64_t count = cursor.number<uint64_t>("an array's length");
    value.count = cursor.count(count, each, ("elements of '" + std::string(key) + "'").c_str());
  }
  if (value.kind == Kind::String) {
    Cursor begin = cursor;
    for (uint64_t i = 0; i < value.count; ++i) cursor.string("a string");
    value.data = begin.take(cursor.at() - begin.at(), "a string");
  } else {
    value.data = cursor.take(value.count * static_cast<uint64_t>(bytes_of(value.kind)), "a value");
  }
  return value;
}

std::string printable(std::string_view name) {
  std::string text(name.substr(0, 80));
  for (char& c : text) {
    if (c < ' ' || c > '~') c = '?';
  }
  return text;
}

}  // namespace

struct Gguf::State {
  std::optional<MappedFile> file;
  std::string where;
  std::vector<std::pair<std::string_view, Value>> values;  // in the file's order
  std::unordered_map<std::string_view, size_t> by_key;
  std::vector<Tensor> tensors;
  std::unordered_map<std::string_view, size_t> by_name;

  const Value* find(std::string_view key) const {
    auto at = by_key.find(key);
    return at == by_key.end() ? nullptr : &values[at->second].second;
  }
  [[noreturn]] void wrong_type(std::string_view key, const Value& value,
                               std::string_view wanted) const {
    throw Error({"the value of '" + printable(key) + "' should be " + std::string(wanted) +
                     ", got " + (value.array ? "an array of " : "") +
                     std::string(name_of(value.kind)),
                 where, "convert the model again with a current converter"});
  }
  void read(Bytes bytes);
  void read_tensors(Cursor& cursor, Bytes bytes, uint64_t count);
  void place(Bytes data, uint64_t alignment, std::vector<uint64_t>& offsets);
};

void Gguf::State::read(Bytes bytes) {
  Cursor cursor(bytes, where);
  if (bytes.size() < 4 || std::memcmp(bytes.data(), "GGUF", 4) != 0) {
    throw Error({"this is no GGUF file: it does not begin with 'GGUF'", where,
                 "name a .gguf file, or a folder with config.json"});
  }
  cursor.take(4, "the magic word");
  uint32_t version = cursor.number<uint32_t>("the version");
  if (version != 2 && version != 3) {
    bool swapped = version == 0x02000000 || version == 0x03000000;
    throw Error({swapped ? "the file is big-endian"
                         : "wanted GGUF version 2 or 3, got " + std::to_string(version),
                 where, "convert the model again with a current converter, little-endian"});
  }
  uint64_t tensor_count = cursor.number<uint64_t>("the number of tensors");
  uint64_t value_count = cursor.number<uint64_t>("the number of keys");
  cursor.count(value_count, 13, "keys");      // length, type, one byte of value
  cursor.count(tensor_count, 24, "tensors");  // length, rank, type, offset
  values.reserve(value_count);
  for (uint64_t i = 0; i < value_count; ++i) {
    std::string_view key = cursor.string("a key");
    if (!by_key.emplace(key, values.size()).second) {
      cursor.refuse("the key '" + printable(key) + "' stands twice",
                    "the file is damaged; fetch it again");
    }
    values.emplace_back(key, read_value(cursor, printable(key)));
  }
  read_tensors(cursor, bytes, tensor_count);
}

void Gguf::State::read_tensors(Cursor& cursor, Bytes bytes, uint64_t count) {
  constexpr uint32_t kMostDims = 4;
  std::vector<uint64_t> offsets;
  tensors.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    Tensor tensor;
    tensor.name = cursor.string("a tensor's name");
    uint32_t rank = cursor.number<uint32_t>("a tensor's rank");
    if (rank > kMostDims) {
      cursor.refuse("tensor '" + printable(tensor.name) + "' has " + std::to_string(rank) +
                        " dimensions, at most 4 are possible",
                    "the file is damaged; fetch it again");
    }
    for (uint32_t d = 0; d < rank; ++d) {
      uint64_t length = cursor.number<uint64_t>("a tensor's shape");
      if (length == 0 || length > uint64_t{1} << 62) {
        cursor.refuse(
            "tensor '" + printable(tensor.name) + "' has the length " + std::to_string(length),
            "the file is damaged; fetch it again");
      }
      tensor.shape.insert(tensor.shape.begin(), static_cast<int64_t>(length));
    }
    uint32_t type = cursor.number<uint32_t>("a tensor's type");
    std::optional<Format> format = format_of(type);
    if (!format) {
      cursor.refuse(
          "tensor '" + printable(tensor.name) + "' has the unknown type " + std::to_string(type),
          "convert the model to F16, BF16 or Q8_0");
    }
    tensor.format = *format;
    offsets.push_back(cursor.number<uint64_t>("a tensor's offset"));
    tensors.push_back(std::move(tensor));
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!by_name.emplace(tensors[i].name, i).second) {
      cursor.refuse("the tensor '" + printable(tensors[i].name) + "' stands twice",
                    "the file is damaged; fetch it again");
    }
  }
  uint64_t alignment = 32;
  if (const Value* value = find("general.alignment")) {
    if (value->array || !whole(value->kind))
      wrong_type("general.alignment", *value, "a whole number");
    int64_t given = whole_at(value->kind, value->data.data()).value_or(0);
    if (given < 1 || given > 1 << 20 || (given & (given - 1)) != 0) {
      throw Error(
          {"general.alignment should be a power of two up to 2^20, got " + std::to_string(given),
           where, "the file is damaged; fetch it again"});
    }
    alignment = static_cast<uint64_t>(given);
  }
  uint64_t begin = (cursor.at() + alignment - 1) / alignment * alignment;
  Bytes data = begin <= bytes.size() ? bytes.subspan(begin) : Bytes();
  place(data, alignment, offsets);
}

// Gives each tensor its bytes: aligned, inside the file, none on top of another.
void Gguf::State::place(Bytes data, uint64_t alignment, std::vector<uint64_t>& offsets) {
  std::vector<std::pair<uint64_t, uint64_t>> taken;
  for (size_t i = 0; i < tensors.size(); ++i) {
    Tensor& tensor = tensors[i];
    const std::string place = where + ", tensor '" + printable(tensor.name) + "'";
    auto size = static_cast<uint64_t>(file::bytes_of(tensor.format, tensor.shape, place));
    if (offsets[i] % alignment != 0) {
      throw Error({"the offset " + std::to_string(offsets[i]) +
                       " is no multiple of the alignment " + std::to_string(alignment),
                   place, "the file is damaged; fetch it again"});
    }
    if (offsets[i] > data.size() || size > data.size() - offsets[i]) {
      throw Error({"the file is too short: the tensor takes " + std::to_string(size) +
                       " bytes from " + std::to_string(offsets[i]) + " of the data, which has " +
                       std::to_string(data.size()),
                   place, "the file is cut short; fetch it again"});
    }
    tensor.data = data.subspan(offsets[i], size);
    taken.emplace_back(offsets[i], offsets[i] + size);
  }
  std::sort(taken.begin(), taken.end());
  for (size_t i = 1; i < taken.size(); ++i) {
    if (taken[i].first < taken[i - 1].second) {
      throw Error({"two tensors share bytes at " + std::to_string(taken[i].first) + " of the data",
                   where, "the file is damaged; fetch it again"});
    }
  }
}

Gguf Gguf::open(const std::string& path) {
  auto state = std::make_shared<State>();
  state->where = path;
  state->file = MappedFile::open(path);
  state->read(state->file->bytes());
  return Gguf(std::move(state));
}

Gguf Gguf::parse(Bytes bytes, const std::string& where) {
  auto state = std::make_shared<State>();
  state->where = where;
  state->read(bytes);
  return Gguf(std::move(state));
}

const std::string& Gguf::where() const {
  return state_->where;
}

bool Gguf::has(std::string_view key) const {
  return state_->find(key) != nullptr;
}

std::vector<std::string_view> Gguf::keys() const {
  std::vector<std::string_view> keys;
  for (const auto& [key, value] : state_->values) keys.push_back(key);
  return keys;
}

std::optional<std::string_view> Gguf::string(std::string_view key) const {
  const Value* value = state_->find(key);
  if (!value) return std::nullopt;
  if (value->array || value->kind != Kind::String) state_->wrong_type(key, *value, "a string");
  return Cursor(value->data, state_->where).string("a string");
}

std::optional<int64_t> Gguf::integer(std::string_view key) const {
  const Value* value = state_->find(key);
  if (!value) return std::nullopt;
  if (value->array || !whole(value->kind)) state_->wrong_type(key, *value, "a whole number");
  std::optional<int64_t> number = whole_at(value->kind, value->data.data());
  if (!number) state_->wrong_type(key, *value, "a whole number below 2^63");
  return number;
}

std::optional<double> Gguf::number(std::string_view key) const {
  const Value* value = state_->find(key);
  if (!value) return std::nullopt;
  if (!value->array && value->kind == Kind::F32) return load<float>(value->data.data());
  if (!value->array && value->kind == Kind::F64) return load<double>(value->data.data());
  if (value->array || !whole(value->kind)) state_->wrong_type(key, *value, "a number");
  return static_cast<double>(*integer(key));
}

std::optional<bool> Gguf::boolean(std::string_view key) const {
  const Value* value = state_->find(key);
  if (!value) return std::nullopt;
  if (value->array || value->kind != Kind::Bool) state_->wrong_type(key, *value, "true or false");
  return load<uint8_t>(value->data.data()) != 0;
}

std::vector<std::string_view> Gguf::strings(std::string_view key) const {
  const Value* value = state_->find(key);
  std::vector<std::string_view> list;
  if (!value) return list;
  if (!value->array || value->kind != Kind::String)
    state_->wrong_type(key, *value, "an array of strings");
  list.reserve(value->count);
  Cursor cursor(value->data, state_->where);
  for (uint64_t i = 0; i < value->count; ++i) list.push_back(cursor.string("a string"));
  return list;
}

std::vector<int32_t> Gguf::integers(std::string_view key) const {
  const Value* value = state_->find(key);
  std::vector<int32_t> list;
  if (!value) return list;
  if (!value->array || !whole(value->kind))
    state_->wrong_type(key, *value, "an array of whole numbers");
  list.reserve(value->count);
  for (uint64_t i = 0; i < value->count; ++i) {
    const std::byte* from = value->data.data() + i * static_cast<uint64_t>(bytes_of(value->kind));
    std::optional<int64_t> number = whole_at(value->kind, from);
    if (!number || *number != static_cast<int32_t>(*number)) {
      state_->wrong_type(
          key, *value, "an array of numbers of 32 bits (element " + std::to_string(i) + " is not)");
    }
    list.push_back(static_cast<int32_t>(*number));
  }
  return list;
}

std::vector<float> Gguf::floats(std::string_view key) const {
  const Value* value = state_->find(key);
  std::vector<float> list;
  if (!value) return list;
  if (!value->array || (value->kind != Kind::F32 && value->kind != Kind::F64)) {
    state_->wrong_type(key, *value, "an array of floating-point numbers");
  }
  list.reserve(value->count);
  for (uint64_t i = 0; i < value->count; ++i) {
    list.push_back(value->kind == Kind::F32
                       ? load<float>(value->data.data() + 4 * i)
                       : static_cast<float>(load<double>(value->data.data() + 8 * i)));
  }
  return list;
}

std::span<const Gguf::Tensor> Gguf::tensors() const {
  return state_->tensors;
}

const Gguf::Tensor* Gguf::find(std::string_view name) const {
  auto at = state_->by_name.find(name);
  return at == state_->by_name.end() ? nullptr : &state_->tensors[at->second];
}

}  // namespace temper::file
