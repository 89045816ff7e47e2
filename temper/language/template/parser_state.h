// The parser's cursor and the grammar of expressions; statements are built on it in parser.cpp.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "temper/language/template/ast.h"
#include "temper/language/template/lexer.h"

namespace temper::jinja {

class ExpressionParser {
 protected:
  using Type = Token::Type;

  ExpressionParser(std::vector<Token> tokens, std::string where)
      : tokens_(std::move(tokens)), where_(std::move(where)) {}

  const Token& now() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  Token take() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_[at_]; }
  bool is(Type type) const { return now().type == type; }
  bool is_op(std::string_view op) const { return is(Type::Operator) && now().text == op; }
  bool is_name(std::string_view name) const { return is(Type::Name) && now().text == name; }
  bool skip_op(std::string_view op);
  bool skip_name(std::string_view name);
  void expect_op(std::string_view op);
  void expect_name(std::string_view name);
  std::string take_name();
  [[noreturn]] void fail_here(const std::string& what) const { fail_at(what, where_, now().line); }
  std::string now_described() const;
  [[noreturn]] void unexpected(const std::string& wanted) const;

  struct TupleRule {
    bool with_if = true;
    bool parenthesised = false;
    std::string_view end_name = {};  ///< a name that ends the tuple too
  };
  ExprPtr tuple(TupleRule rule);
  ExprPtr expression(bool with_if = true);
  ExprPtr filters(ExprPtr subject, bool starts_inline = false);
  bool at_tuple_end(std::string_view end_name) const;
  /// Throws for a filter or test that does not exist, unless a condition guards it.
  void settle_unknown();

  struct Uses {
    bool caller = false, kwargs = false, varargs = false;
  };

  std::vector<Token> tokens_;
  std::string where_;
  size_t at_ = 0;
  int depth_ = 0;
  int guards_ = 0;  ///< `if` blocks around, inside the innermost scope
  std::vector<std::pair<std::string, int>>
      unknown_;             ///< filters and tests that do not exist: message, line
  std::vector<Uses> uses_;  ///< of the macros around

 private:
  ExprPtr either();
  ExprPtr both();
  ExprPtr negation();
  ExprPtr comparison();
  ExprPtr sum();
  ExprPtr concatenation();
  ExprPtr product();
  ExprPtr power();
  ExprPtr unary(bool with_filter = true);
  ExprPtr primary();
  ExprPtr postfix(ExprPtr subject);
  ExprPtr subscript(ExprPtr subject);
  ExprPtr index();
  ExprPtr test(ExprPtr subject);
  ExprPtr list();
  ExprPtr dict();
  ExprPtr call(ExprPtr subject);
  void arguments(Expr& into);

  ExprPtr node(Op op, int line) const;
  ExprPtr node(Op op, int line, ExprPtr a, ExprPtr b = nullptr) const;
  void adopt(Expr& parent, ExprPtr kid) const;
  ExprPtr finished(ExprPtr expr) const;
};

}  // namespace temper::jinja
