#include "temper/foundation/text/json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "temper/foundation/error/error.h"

namespace temper::text {

Json parse_json(std::string_view text, const std::string& where) {
  constexpr int kDeepest = 200;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  std::string fault;
  auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > kDeepest) fault = "nested deeper than 200 levels";
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key &&
        !keys.back().insert(value.get_ref<const std::string&>()).second) {
      fault = "the key '" + value.get<std::string>() + "' stands twice in one object";
    }
    if (!fault.empty()) throw Error({"invalid JSON: " + fault, where, ""});
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), watch);
  } catch (const Json::parse_error& error) {
    std::string why = error.what();  // "[json.exception.parse_error.101] parse error at line …: …"
    if (auto cut = why.find("] "); cut != std::string::npos) why.erase(0, cut + 2);
    throw Error({"invalid JSON: " + why, where, ""});
  } catch (const Json::exception& error) {
    throw Error({std::string("invalid JSON: ") + error.what(), where, ""});
  }
}

std::string to_line(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace temper::text
