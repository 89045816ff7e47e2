// Tokens to a tree: jinja2.parser's grammar.
#pragma once

#include <string>
#include <string_view>

#include "temper/language/template/ast.h"

namespace temper::jinja {

/// Throws Error with `where` and the line.
Parsed parse_template(std::string_view source, const std::string& where);

}  // namespace temper::jinja
