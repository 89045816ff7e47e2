// Operators, attributes and subscripts as Python computes them, inside Jinja's sandbox.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "temper/language/template/ast.h"

namespace temper::jinja {

/// a `op` b for Add … Pow. Throws Error for types without the operator, overflow, and division by
/// zero.
Value arithmetic(Budget& budget, Op op, const Value& a, const Value& b);
Value negative(const Value& value, bool keep_sign);
Value repeated(Budget& budget, const Value& sequence, int64_t times);

/// `owner.name`: the attribute, else the item, else undefined.
Value get_attribute(Budget& budget, const Value& owner, const std::string& name);
/// The attribute alone; nothing if there is none.
std::optional<Value> find_attribute(Budget& budget, const Value& owner, const std::string& name);
/// `owner[key]`: the item, else the attribute, else undefined.
Value get_item(Budget& budget, const Value& owner, const Value& key);
/// `owner[start:stop:step]`; null or None where a part is left out.
Value get_slice(Budget& budget, const Value& owner, const Value& start, const Value& stop,
                const Value& step);

using Method = Value (*)(Interpreter&, const Value& self, Args&);
/// A method of str, or null.
Method find_text_method(std::string_view name);

/// text.replace(old, fresh, most); most < 0: all.
std::string replaced(Budget& budget, std::string_view text, std::string_view old,
                     std::string_view fresh, int64_t most);
/// Filled up to `width` code points; `align`: < > or ^.
std::string justified(Budget& budget, const std::string& text, int64_t width, char align,
                      const std::string& fill);

/// `text % values`.
Value percent(Budget& budget, const Value& text, const Value& values);
/// text.format(*args, **kwargs).
Value braces(Budget& budget, const Value& text, const Args& args);

}  // namespace temper::jinja
