#include "temper/language/template/call.h"

#include <algorithm>

namespace temper::jinja {

Bound::Bound(std::string_view function, const Args& args,
             std::initializer_list<std::string_view> names, size_t required)
    : function_(function), values_(names.size()) {
  std::string who(function);
  if (args.positional.size() > names.size()) {
    fail(who + "() takes at most " + std::to_string(names.size()) + " arguments, got " +
         std::to_string(args.positional.size()));
  }
  for (size_t k = 0; k < args.positional.size(); ++k) values_[k] = &args.positional[k];
  for (const auto& [name, value] : args.keyword) {
    const auto* found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) fail(who + "() got an unexpected keyword argument '" + name + "'");
    auto k = static_cast<size_t>(found - names.begin());
    if (values_[k]) fail(who + "() got two values for the argument '" + name + "'");
    values_[k] = &value;
  }
  for (size_t k = 0; k < required; ++k) {
    if (!values_[k]) fail(who + "() needs the argument '" + std::string(names.begin()[k]) + "'");
  }
}

int64_t Bound::whole(size_t k, int64_t fallback) const {
  if (!values_[k]) return fallback;
  if (values_[k]->is(Kind::Undefined)) fail_undefined(*values_[k]);
  if (!values_[k]->is_whole()) {
    fail(std::string(function_) + "() wants an integer, got '" + type_name(*values_[k]) + "'");
  }
  return values_[k]->whole();
}

const std::string& Bound::text(size_t k) const {
  if (values_[k]->is(Kind::Undefined)) fail_undefined(*values_[k]);
  if (!values_[k]->is(Kind::Str)) {
    fail(std::string(function_) + "() wants a text, got '" + type_name(*values_[k]) + "'");
  }
  return values_[k]->text();
}

}  // namespace temper::jinja
