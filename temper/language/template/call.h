// Arguments bound to names as Python binds them.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "temper/language/template/value.h"

namespace temper::jinja {

class Bound {
 public:
  /// Throws Error for too many arguments, unknown names, and when one of the first `required` is
  /// missing.
  Bound(std::string_view function, const Args& args, std::initializer_list<std::string_view> names,
        size_t required = 0);

  /// The k-th argument, or null.
  const Value* get(size_t k) const { return values_[k]; }
  /// The same; None counts as not given.
  const Value* given(size_t k) const {
    return values_[k] && !values_[k]->is(Kind::None) ? values_[k] : nullptr;
  }
  const Value& need(size_t k) const { return *values_[k]; }
  int64_t whole(size_t k, int64_t fallback) const;
  bool flag(size_t k, bool fallback) const { return values_[k] ? truth(*values_[k]) : fallback; }
  /// Throws Error for what is no text.
  const std::string& text(size_t k) const;

 private:
  std::string_view function_;
  std::vector<const Value*> values_;
};

}  // namespace temper::jinja
