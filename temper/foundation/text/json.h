// JSON values that keep the order of their keys. Sources that build or take values apart include
// <nlohmann/json.hpp>; headers include this one only.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace temper {

using Json = nlohmann::ordered_json;
/// Shared because rows, messages and tools are immutable once read and are held by many episodes.
using JsonPtr = std::shared_ptr<const Json>;

namespace text {

/// Strict JSON: no comments, trailing text, NaN or duplicate keys; at most 200 levels deep; invalid
/// UTF-8 is refused. Throws Error with `where` and the byte offset.
Json parse_json(std::string_view text, const std::string& where);

/// One line, UTF-8 kept as it is (not \u-escaped); non-finite numbers become null.
std::string to_line(const Json& value);

}  // namespace text
}  // namespace temper
