// The pages of docs/, put into the program at build time by embed.cmake.
#pragma once

#include <span>
#include <string_view>

namespace temper::explain {

struct Asset {
  std::string_view folder, name, text;  ///< "algorithms", "grpo", the Markdown
};
/// By folder, then by name.
std::span<const Asset> assets();

}  // namespace temper::explain
