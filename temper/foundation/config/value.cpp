#include "temper/foundation/config/value.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/nearest.h"
#include "temper/foundation/text/number.h"
#include "temper/foundation/text/utf8.h"

namespace temper::config {
namespace {

template <class Value>
std::optional<Value> read(const std::string& text) {
  if constexpr (std::is_same_v<Value, bool>) {
    return parse_bool(text);
  } else if constexpr (std::is_same_v<Value, std::string>) {
    return text::is_utf8(text) ? std::optional(text) : std::nullopt;
  } else if constexpr (std::is_same_v<Value, double>) {
    return text::parse_double(text);
  } else {
    std::optional<int64_t> whole = text::parse_int(text);
    if (!whole || *whole < std::numeric_limits<Value>::min() ||
        *whole > std::numeric_limits<Value>::max()) {
      return {};
    }
    return static_cast<Value>(*whole);
  }
}

template <class Value>
std::string print(const Value& value) {
  if constexpr (std::is_same_v<Value, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_same_v<Value, std::string>) {
    return value;
  } else if constexpr (std::is_same_v<Value, double>) {
    return text::shortest(value);
  } else {
    return std::to_string(value);
  }
}

template <class Value>
bool allowed(const Field& field, const Value& value) {
  if constexpr (std::is_same_v<Value, std::string>) {
    const auto& names = field.names;
    return names.empty() || std::find(names.begin(), names.end(), value) != names.end();
  } else if constexpr (std::is_same_v<Value, bool>) {
    return true;
  } else {
    const Field::Range& range = field.range;
    auto number = static_cast<double>(value);
    bool low = !range.low || (range.low_open ? number > *range.low : number >= *range.low);
    bool high = !range.high || (range.high_open ? number < *range.high : number <= *range.high);
    return low && high;
  }
}

// Calls `f` with the member as the type it has.
template <class F>
auto visit(const Binding::Entry& entry, F f) {
  auto shaped = [&]<class Value>(std::type_identity<Value>) {
    if (entry.field.shape == Shape::Optional)
      return f(*static_cast<std::optional<Value>*>(entry.value));
    if constexpr (!std::is_same_v<Value, bool> && !std::is_same_v<Value, int64_t>) {
      if (entry.field.shape == Shape::Many)
        return f(*static_cast<std::vector<Value>*>(entry.value));
    }
    return f(*static_cast<Value*>(entry.value));
  };
  switch (entry.field.kind) {
    case Kind::Bool:
      return shaped(std::type_identity<bool>{});
    case Kind::Int:
      return shaped(std::type_identity<int>{});
    case Kind::Int64:
      return shaped(std::type_identity<int64_t>{});
    case Kind::Double:
      return shaped(std::type_identity<double>{});
    case Kind::String:
      break;
  }
  return shaped(std::type_identity<std::string>{});
}

template <class Member>
struct Element {
  using Type = Member;
};
template <class Value>
struct Element<std::optional<Value>> {
  using Type = Value;
};
template <class Value>
struct Element<std::vector<Value>> {
  using Type = Value;
};

// The values a member holds now: none, one or many.
template <class Member>
auto values(const Member& member) {
  using Value = typename Element<Member>::Type;
  if constexpr (std::is_same_v<Member, std::vector<Value>>) {
    return member;
  } else if constexpr (std::is_same_v<Member, std::optional<Value>>) {
    return member ? std::vector<Value>{*member} : std::vector<Value>{};
  } else {
    return std::vector<Value>{member};
  }
}

}  // namespace

std::optional<bool> parse_bool(std::string_view text) {
  std::string lower;
  for (char c : text.substr(0, 6)) lower += c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  if (lower == "true" || lower == "yes" || lower == "on" || lower == "1") return true;
  if (lower == "false" || lower == "no" || lower == "off" || lower == "0") return false;
  return {};
}

std::string wanted(const Field& field) {
  if (!field.names.empty()) {
    std::string list = "one of ";
    for (size_t i = 0; i < field.names.size(); ++i) list += (i ? ", " : "") + field.names[i];
    return list;
  }
  std::string what = field.kind == Kind::Bool     ? "true or false"
                     : field.kind == Kind::String ? "text in UTF-8"
                     : field.kind == Kind::Double ? "a number"
                                                  : "an integer";
  auto print = [&](double bound) {
    return bound == std::floor(bound) && std::abs(bound) < 1e15 ? std::to_string(int64_t(bound))
                                                                : text::shortest(bound);
  };
  const Field::Range& range = field.range;
  if (range.low && range.high && !range.low_open && !range.high_open) {
    return what + " from " + print(*range.low) + " to " + print(*range.high);
  }
  if (range.low) what += (range.low_open ? " above " : " of at least ") + print(*range.low);
  if (range.low && range.high) what += " and";
  if (range.high) what += (range.high_open ? " below " : " of at most ") + print(*range.high);
  return what;
}

Error refusal(const Field& field, const std::string& got, const std::string& where) {
  std::string bare = got;
  std::erase(bare, '\'');
  return Error({"option '" + field.name + "': wanted " + wanted(field) + ", got " + got, where,
                text::did_you_mean(bare, field.names)});
}

void assign(const Binding::Entry& entry, const std::vector<std::string>& texts,
            const std::string& where) {
  const Field& field = entry.field;
  ASSERT(field.shape == Shape::Many || texts.size() == 1, "one text for one value");
  visit(entry, [&](auto& member) {
    using Member = std::remove_reference_t<decltype(member)>;
    using Value = typename Element<Member>::Type;
    std::vector<Value> read_values;
    for (const std::string& text : texts) {
      std::optional<Value> value = read<Value>(text);
      if (!value || !allowed(field, *value)) {
        throw refusal(field, "'" + text::elide(text::repair_utf8(text), 80) + "'", where);
      }
      read_values.push_back(*value);
    }
    if constexpr (std::is_same_v<Member, std::vector<Value>>) {
      member = std::move(read_values);
    } else {
      member = read_values[0];
    }
  });
}

void assign_null(const Binding::Entry& entry, const std::string& where) {
  if (entry.field.shape == Shape::One) throw refusal(entry.field, "null", where);
  visit(entry, [](auto& member) { member = {}; });
}

std::vector<std::string> texts(const Binding::Entry& entry) {
  return visit(entry, [](const auto& member) {
    using Value = typename Element<std::decay_t<decltype(member)>>::Type;
    std::vector<std::string> printed;
    for (const Value& value : values(member)) printed.push_back(print<Value>(value));
    return printed;
  });
}

Json json_value(const Binding::Entry& entry) {
  return visit(entry, [&](const auto& member) -> Json {
    using Value = typename Element<std::decay_t<decltype(member)>>::Type;
    Json list = Json::array();
    for (const Value& value : values(member)) {
      if constexpr (std::is_same_v<Value, double>) {
        list.push_back(std::isfinite(value) ? Json(value) : Json());
      } else {
        list.push_back(value);
      }
    }
    if (entry.field.shape == Shape::Many) return list;
    return list.empty() ? Json() : list[0];
  });
}

}  // namespace temper::config
