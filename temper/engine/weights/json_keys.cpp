#include "temper/engine/weights/json_keys.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "temper/foundation/error/error.h"

namespace temper::weights {

JsonKeys::JsonKeys(const Json& object, std::string where)
    : object_(object), where_(std::move(where)) {}

const Json* JsonKeys::find(std::string_view key) const {
  auto at = object_.find(std::string(key));
  return at == object_.end() || at->is_null() ? nullptr : &*at;
}

void JsonKeys::wrong(std::string_view key, const char* wanted, const Json& got) const {
  throw Error({"'" + std::string(key) + "' should be " + wanted + ", got " +
                   text::to_line(got).substr(0, 80),
               where_, "check the file against the model's original"});
}

const Json& JsonKeys::need(std::string_view key) const {
  if (const Json* value = find(key)) return *value;
  throw Error({"the key '" + std::string(key) + "' is missing", where_,
               "check the file against the model's original"});
}

int64_t JsonKeys::whole(std::string_view key, const Json& value) const {
  if (!value.is_number_integer() ||
      (value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{1} << 62)) {
    wrong(key, "a whole number", value);
  }
  return value.get<int64_t>();
}

int64_t JsonKeys::whole(std::string_view key) const {
  return whole(key, need(key));
}
int64_t JsonKeys::whole_or(std::string_view key, int64_t otherwise) const {
  const Json* value = find(key);
  return value ? whole(key, *value) : otherwise;
}

std::optional<double> JsonKeys::number(std::string_view key) const {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_number() || !std::isfinite(value->get<double>())) wrong(key, "a number", *value);
  return value->get<double>();
}

bool JsonKeys::truth_or(std::string_view key, bool otherwise) const {
  const Json* value = find(key);
  if (!value) return otherwise;
  if (!value->is_boolean()) wrong(key, "true or false", *value);
  return value->get<bool>();
}

std::optional<std::string> JsonKeys::word(std::string_view key) const {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_string()) wrong(key, "a string", *value);
  return value->get<std::string>();
}

std::vector<int32_t> JsonKeys::ids(std::string_view key) const {
  const Json* value = find(key);
  std::vector<int32_t> ids;
  if (!value || *value == -1) return ids;
  const Json list = value->is_array() ? *value : Json::array({*value});
  for (const Json& id : list) {
    int64_t number = whole(key, id);
    if (number < 0 || number > 1 << 24) wrong(key, "an id or a list of ids", *value);
    ids.push_back(static_cast<int32_t>(number));
  }
  return ids;
}

std::optional<int32_t> JsonKeys::id(std::string_view key) const {
  std::vector<int32_t> all = ids(key);
  return all.empty() ? std::nullopt : std::optional(all.front());
}

}  // namespace temper::weights
