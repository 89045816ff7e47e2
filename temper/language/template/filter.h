// The filters and tests of Jinja, by name.
#pragma once

#include <string>
#include <string_view>

#include "temper/language/template/value.h"

namespace temper::jinja {

struct Filter {
  std::string_view name;
  Value (*apply)(Interpreter&, const Value& subject, Args&) = nullptr;
};
struct Test {
  std::string_view name;
  bool (*holds)(Interpreter&, const Value& subject, Args&) = nullptr;
};

/// Null for a name that is none.
const Filter* find_filter(std::string_view name);
const Test* find_test(std::string_view name);
const Filter* find_text_filter(std::string_view name);
const Filter* find_sequence_filter(std::string_view name);

/// json.dumps as transformers' tojson calls it.
Value to_json(Interpreter& run, const Value& value, Args& args);

}  // namespace temper::jinja
