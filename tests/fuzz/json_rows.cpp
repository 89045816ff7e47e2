// Any bytes as JSON Lines: each line is read or refused with Error, and what was read prints to a
// line that reads back to the same line.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    std::string printed;
    try {
      printed = temper::text::to_line(temper::text::parse_json(line, "rows.jsonl:1"));
    } catch (const temper::Error&) {
      continue;  // refusing is what a reader may do
    }
    // Our own output must be readable: an Error here is a finding.
    if (temper::text::to_line(temper::text::parse_json(printed, "printed")) != printed)
      __builtin_trap();
    if (printed.find('\n') != std::string::npos) __builtin_trap();
  }
  return 0;
}
