// Fuzzes the Jinja reader and interpreter: template text, a zero byte, variables as JSON.
// Only temper::Error may come out, within small limits.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/json.h"
#include "temper/language/template/template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  size_t cut = input.find('\0');
  std::string_view source = input.substr(0, cut);
  std::string_view variables = cut == std::string_view::npos ? "" : input.substr(cut + 1);
  try {
    auto parsed = temper::jinja::Template::parse(source, "fuzz");
    temper::Json given = temper::Json::object();
    if (!variables.empty()) given = temper::text::parse_json(variables, "fuzz");
    parsed.render(given, 1'700'000'000, {.steps = 20'000, .output_bytes = 1 << 16});
  } catch (const temper::Error&) {
    return 0;
  }
  return 0;
}
