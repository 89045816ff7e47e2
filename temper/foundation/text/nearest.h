// Names that are spelt nearly like another: what an error suggests.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace temper::text {

/// Insertions, deletions, replacements and swaps of neighbours that turn `from` into `to`
/// (Damerau's optimal string alignment), counted in bytes.
int edit_distance(std::string_view from, std::string_view to);

/// At most `count` of `candidates`, nearest first (ties keep their order). Names further away than
/// half of the longer one's length are left out, unless one contains the other.
std::vector<std::string> nearest(std::string_view name, std::span<const std::string> candidates,
                                 int count = 3);

/// "did you mean 'a', 'b' or 'c'?", or "" when nothing is near.
std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);

}  // namespace temper::text
