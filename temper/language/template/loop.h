// The `loop` of a for block: jinja2.runtime.LoopContext.
#pragma once

#include <functional>
#include <optional>

#include "temper/language/template/value.h"

namespace temper::jinja {

struct Loop : Object {
  std::vector<Value> items;
  size_t taken = 0;  ///< of `items`, by the loop or by a look ahead
  std::function<bool(const Value&)>
      keep;                    ///< the `if` of the for block, asked as late as Python asks it
  std::optional<Value> after;  ///< looked at, not yet entered
  Value current, before;
  bool has_before = false;
  int64_t index0 = -1;
  int64_t depth0 = 0;
  std::optional<int64_t> known_length;
  std::optional<std::vector<Value>> last_changed;
  std::function<Value(Interpreter&, const Value&)> recurse;  ///< of a recursive loop

  /// Enters the next item; false at the end.
  bool advance();
  std::optional<Value>& peek();
  int64_t count();

 private:
  std::optional<Value> take();
};

}  // namespace temper::jinja
