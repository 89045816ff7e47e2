// The cursor over the tokens, its complaints, and how nodes are made.
#include "temper/language/template/parser_state.h"

#include <algorithm>

namespace temper::jinja {
namespace {

std::string described(const Token& token) {
  using Type = Token::Type;
  switch (token.type) {
    case Type::Data:
      return "template data / text";
    case Type::BlockBegin:
      return "begin of statement block";
    case Type::BlockEnd:
      return "end of statement block";
    case Type::PrintBegin:
      return "begin of print statement";
    case Type::PrintEnd:
      return "end of print statement";
    case Type::Text:
      return "string";
    case Type::Number:
      return token.text == "i" ? "integer" : "float";
    case Type::End:
      return "end of template";
    default:
      return token.text;
  }
}

}  // namespace

std::string ExpressionParser::now_described() const {
  return described(now());
}

void ExpressionParser::unexpected(const std::string& wanted) const {
  if (is(Type::End)) fail_here("unexpected end of template, expected '" + wanted + "'.");
  fail_here("expected token '" + wanted + "', got '" + described(now()) + "'");
}

bool ExpressionParser::skip_op(std::string_view op) {
  if (!is_op(op)) return false;
  take();
  return true;
}

bool ExpressionParser::skip_name(std::string_view name) {
  if (!is_name(name)) return false;
  take();
  return true;
}

void ExpressionParser::expect_op(std::string_view op) {
  if (!skip_op(op)) unexpected(std::string(op));
}

void ExpressionParser::expect_name(std::string_view name) {
  if (!skip_name(name)) unexpected(std::string(name));
}

std::string ExpressionParser::take_name() {
  if (!is(Type::Name)) unexpected("name");
  return take().text;
}

ExprPtr ExpressionParser::node(Op op, int line) const {
  auto made = std::make_unique<Expr>();
  made->op = op;
  made->line = line;
  return made;
}

void ExpressionParser::adopt(Expr& parent, ExprPtr kid) const {
  if (kid) parent.depth = std::max(parent.depth, kid->depth + 1);
  if (parent.depth > 3 * kDeepestSyntax) fail_here("an expression nests too deep");
  parent.kids.push_back(std::move(kid));
}

ExprPtr ExpressionParser::node(Op op, int line, ExprPtr a, ExprPtr b) const {
  ExprPtr made = node(op, line);
  adopt(*made, std::move(a));
  if (b) adopt(*made, std::move(b));
  return made;
}

void ExpressionParser::settle_unknown() {
  if (guards_ == 0 && !unknown_.empty()) {
    fail_at(unknown_.front().first, where_, unknown_.front().second);
  }
  unknown_.clear();
}

}  // namespace temper::jinja
