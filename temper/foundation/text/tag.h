// What stands between <name> and </name> in a model's answer, as the regular expression
// `<name>\s*(.*?)\s*</name>` (dot matches newlines) finds it: an opening tag pairs with the first
// closing tag behind it, matches do not overlap, tags have no attributes and do not nest.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace temper::text {

/// Without ASCII white space at both ends.
std::string_view strip(std::string_view text);

/// Contents, stripped, of the first, the last, every pair of tags.
std::optional<std::string> first_tag(std::string_view text, std::string_view name);
std::optional<std::string> last_tag(std::string_view text, std::string_view name);
std::vector<std::string> all_tags(std::string_view text, std::string_view name);

/// How often `part` occurs, without overlaps; `part` is not empty.
int count_of(std::string_view text, std::string_view part);

}  // namespace temper::text
