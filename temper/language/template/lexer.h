// Template text to tokens: jinja2.lexer with trim_blocks and lstrip_blocks on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "temper/language/template/value.h"

namespace temper::jinja {

struct Token {
  enum class Type : uint8_t {
    Data,
    BlockBegin,
    BlockEnd,
    PrintBegin,
    PrintEnd,
    Name,
    Text,
    Number,
    Operator,
    End
  };
  Type type = Type::End;
  std::string text;  ///< of Data, Name and Operator
  Value value;       ///< of Text and Number
  int line = 1;
};

/// Throws Error with the line; `where` names the template. Ends with a token of type End.
std::vector<Token> tokenize(std::string_view source, const std::string& where);

/// Throws Error for `what` at a line of the template.
[[noreturn]] void fail_at(const std::string& what, const std::string& where, int line);

}  // namespace temper::jinja
