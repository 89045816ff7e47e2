#include <algorithm>

#include "temper/language/template/filter.h"
#include "temper/language/template/parser_state.h"

namespace temper::jinja {
bool ExpressionParser::at_tuple_end(std::string_view end_name) const {
  return is(Type::PrintEnd) || is(Type::BlockEnd) || is_op(")") ||
         (!end_name.empty() && is_name(end_name));
}

ExprPtr ExpressionParser::tuple(TupleRule rule) {
  int line = now().line;
  std::vector<ExprPtr> items;
  bool is_tuple = false;
  while (true) {
    if (!items.empty()) expect_op(",");
    if (at_tuple_end(rule.end_name)) break;
    items.push_back(expression(rule.with_if));
    if (!is_op(",")) break;
    is_tuple = true;
  }
  if (!is_tuple) {
    if (!items.empty()) return std::move(items[0]);
    if (!rule.parenthesised) fail_here("Expected an expression, got '" + now_described() + "'");
  }
  ExprPtr made = node(Op::Tuple, line);
  for (ExprPtr& item : items) adopt(*made, std::move(item));
  return made;
}

ExprPtr ExpressionParser::expression(bool with_if) {
  Level level(depth_, kDeepestSyntax);
  if (!with_if) return either();
  int line = now().line;
  size_t unknown = unknown_.size();
  ExprPtr value = either();
  while (skip_name("if")) {
    ExprPtr condition = either();
    ExprPtr otherwise = skip_name("else") ? expression() : nullptr;
    unknown_.resize(std::min(unknown, unknown_.size()));  // a condition may guard them
    ExprPtr made = node(Op::If, line, std::move(condition), std::move(value));
    adopt(*made, std::move(otherwise));
    value = std::move(made);
    line = now().line;
  }
  return value;
}

ExprPtr ExpressionParser::either() {
  int line = now().line;
  ExprPtr left = both();
  while (skip_name("or")) left = node(Op::Or, line, std::move(left), both());
  return left;
}

ExprPtr ExpressionParser::both() {
  int line = now().line;
  ExprPtr left = negation();
  while (skip_name("and")) left = node(Op::And, line, std::move(left), negation());
  return left;
}

ExprPtr ExpressionParser::negation() {
  if (!is_name("not")) return comparison();
  Level level(depth_, kDeepestSyntax);
  int line = take().line;
  return node(Op::Not, line, negation());
}

ExprPtr ExpressionParser::comparison() {
  constexpr std::pair<std::string_view, Relation> kRelations[] = {
      {"==", Relation::Equal},     {"!=", Relation::NotEqual}, {"<", Relation::Less},
      {"<=", Relation::LessEqual}, {">", Relation::Greater},   {">=", Relation::GreaterEqual}};
  int line = now().line;
  ExprPtr first = sum(), made;
  auto add = [&](Relation relation) {
    if (!made) made = node(Op::Compare, line, std::move(first));
    made->relations.push_back(relation);
    adopt(*made, sum());
  };
  while (true) {
    const auto* found = std::find_if(std::begin(kRelations), std::end(kRelations),
                                     [&](const auto& row) { return is_op(row.first); });
    if (found != std::end(kRelations)) {
      take();
      add(found->second);
    } else if (skip_name("in")) {
      add(Relation::In);
    } else if (is_name("not") && ahead().type == Type::Name && ahead().text == "in") {
      take();
      take();
      add(Relation::NotIn);
    } else {
      return made ? std::move(made) : std::move(first);
    }
  }
}

ExprPtr ExpressionParser::sum() {
  int line = now().line;
  ExprPtr left = concatenation();
  while (is_op("+") || is_op("-")) {
    Op op = take().text == "+" ? Op::Add : Op::Sub;
    left = node(op, line, std::move(left), concatenation());
  }
  return left;
}

ExprPtr ExpressionParser::concatenation() {
  int line = now().line;
  ExprPtr first = product();
  if (!is_op("~")) return first;
  ExprPtr made = node(Op::Concat, line, std::move(first));
  while (skip_op("~")) adopt(*made, product());
  return made;
}

ExprPtr ExpressionParser::product() {
  int line = now().line;
  ExprPtr left = power();
  while (is_op("*") || is_op("/") || is_op("//") || is_op("%")) {
    std::string op = take().text;
    Op which = op == "*" ? Op::Mul : op == "/" ? Op::Div : op == "//" ? Op::FloorDiv : Op::Mod;
    left = node(which, line, std::move(left), power());
  }
  return left;
}

ExprPtr ExpressionParser::power() {
  int line = now().line;
  ExprPtr left = unary();
  while (skip_op("**")) left = node(Op::Pow, line, std::move(left), unary());
  return left;
}

ExprPtr ExpressionParser::unary(bool with_filter) {
  Level level(depth_, kDeepestSyntax);
  ExprPtr made;
  if (is_op("-") || is_op("+")) {
    int line = now().line;
    Op op = take().text == "-" ? Op::Neg : Op::Pos;
    made = node(op, line, unary(false));
  } else {
    made = primary();
  }
  made = postfix(std::move(made));
  if (!with_filter) return made;
  while (true) {
    if (is_op("|"))
      made = filters(std::move(made));
    else if (is_name("is"))
      made = test(std::move(made));
    else if (is_op("("))
      made = call(std::move(made));
    else
      return made;
  }
}

ExprPtr ExpressionParser::primary() {
  ExprPtr made = node(Op::Const, now().line);
  if (is(Type::Name)) {
    std::string name = take().text;
    if (name == "true" || name == "True" || name == "false" || name == "False") {
      made->value = Value::of(name[0] == 't' || name[0] == 'T');
    } else if (name == "none" || name == "None") {
      made->value = Value::none();
    } else {
      for (Uses& uses : uses_) {
        uses.caller |= name == "caller";
        uses.kwargs |= name == "kwargs";
        uses.varargs |= name == "varargs";
      }
      made->op = Op::Name;
      made->name = std::move(name);
    }
  } else if (is(Type::Text)) {
    made->value = take().value;
    if (is(Type::Text)) {
      std::string joined = made->value.text();
      while (is(Type::Text)) joined += take().value.text();
      Budget budget(int64_t{1} << 40, joined.size());
      made->value = make_text(budget, std::move(joined));
    }
  } else if (is(Type::Number)) {
    made->value = take().value;
  } else if (skip_op("(")) {
    made = tuple({.parenthesised = true});
    expect_op(")");
  } else if (is_op("[")) {
    made = list();
  } else if (is_op("{")) {
    made = dict();
  } else {
    fail_here("unexpected '" + now_described() + "'");
  }
  return made;
}

ExprPtr ExpressionParser::list() {
  ExprPtr made = node(Op::List, take().line);
  while (!is_op("]")) {
    if (!made->kids.empty()) expect_op(",");
    if (is_op("]")) break;
    adopt(*made, expression());
  }
  expect_op("]");
  return made;
}

ExprPtr ExpressionParser::dict() {
  ExprPtr made = node(Op::Dict, take().line);
  while (!is_op("}")) {
    if (!made->kids.empty()) expect_op(",");
    if (is_op("}")) break;
    adopt(*made, expression());
    expect_op(":");
    adopt(*made, expression());
  }
  expect_op("}");
  return made;
}

ExprPtr ExpressionParser::postfix(ExprPtr subject) {
  while (true) {
    if (is_op(".") || is_op("["))
      subject = subscript(std::move(subject));
    else if (is_op("("))
      subject = call(std::move(subject));
    else
      return subject;
  }
}

ExprPtr ExpressionParser::subscript(ExprPtr subject) {
  int line = now().line;
  if (skip_op(".")) {
    if (is(Type::Name)) {
      ExprPtr made = node(Op::Getattr, line, std::move(subject));
      made->name = take().text;
      return made;
    }
    if (!is(Type::Number) || now().text != "i") fail_here("expected name or number");
    ExprPtr key = node(Op::Const, line);
    key->value = take().value;
    return node(Op::Getitem, line, std::move(subject), std::move(key));
  }
  expect_op("[");
  std::vector<ExprPtr> keys;
  while (!is_op("]")) {
    if (!keys.empty()) expect_op(",");
    keys.push_back(index());
  }
  expect_op("]");
  if (keys.size() == 1) return node(Op::Getitem, line, std::move(subject), std::move(keys[0]));
  ExprPtr key = node(Op::Tuple, line);
  for (ExprPtr& each : keys) adopt(*key, std::move(each));
  return node(Op::Getitem, line, std::move(subject), std::move(key));
}

ExprPtr ExpressionParser::index() {
  int line = now().line;
  ExprPtr start = is_op(":") ? nullptr : expression();
  if (!skip_op(":")) return start;
  auto part = [&]() -> ExprPtr {
    return is_op(":") || is_op("]") || is_op(",") ? nullptr : expression();
  };
  ExprPtr made = node(Op::Slice, line);
  adopt(*made, std::move(start));
  adopt(*made, part());
  adopt(*made, skip_op(":") ? part() : nullptr);
  return made;
}

void ExpressionParser::arguments(Expr& into) {
  int line = now().line;
  expect_op("(");
  auto ensure = [&](bool good) {
    if (!good) fail_at("invalid syntax for function call expression", where_, line);
  };
  auto attach = [&](ExprPtr value) {
    into.depth = std::max(into.depth, value->depth + 1);
    if (into.depth > 3 * kDeepestSyntax) fail_here("an expression nests too deep");
    return value;
  };
  bool first = true;
  while (!is_op(")")) {
    if (!first) expect_op(",");
    if (!first && is_op(")")) break;
    first = false;
    if (skip_op("*")) {
      ensure(!into.star && !into.double_star);
      into.star = attach(expression());
    } else if (skip_op("**")) {
      ensure(!into.double_star);
      into.double_star = attach(expression());
    } else if (is(Type::Name) && ahead().type == Type::Operator && ahead().text == "=") {
      ensure(!into.double_star);
      std::string name = take().text;
      take();
      into.keywords.emplace_back(std::move(name), attach(expression()));
    } else {
      ensure(!into.star && !into.double_star && into.keywords.empty());
      adopt(into, expression());
    }
  }
  expect_op(")");
}

ExprPtr ExpressionParser::call(ExprPtr subject) {
  ExprPtr made = node(Op::Call, now().line, std::move(subject));
  arguments(*made);
  return made;
}

ExprPtr ExpressionParser::filters(ExprPtr subject, bool starts_inline) {
  while (is_op("|") || starts_inline) {
    if (!starts_inline) take();
    starts_inline = false;
    int line = now().line;
    ExprPtr made = node(Op::Filter, line);
    made->name = take_name();
    while (skip_op(".")) made->name += "." + take_name();
    adopt(*made, std::move(subject));
    if (is_op("(")) arguments(*made);
    made->filter = find_filter(made->name);
    if (!made->filter) unknown_.emplace_back("No filter named '" + made->name + "'.", line);
    subject = std::move(made);
  }
  return subject;
}

ExprPtr ExpressionParser::test(ExprPtr subject) {
  int line = take().line;
  bool negated = skip_name("not");
  ExprPtr made = node(Op::Test, line, std::move(subject));
  made->name = take_name();
  while (skip_op(".")) made->name += "." + take_name();
  bool operand = is(Type::Name) || is(Type::Text) || is(Type::Number) || is_op("[") || is_op("{");
  if (is_op("(")) {
    arguments(*made);
  } else if (operand && !is_name("else") && !is_name("or") && !is_name("and")) {
    if (is_name("is")) fail_here("You cannot chain multiple tests with is");
    adopt(*made, postfix(primary()));
  }
  made->test = find_test(made->name);
  if (!made->test) unknown_.emplace_back("No test named '" + made->name + "'.", line);
  return negated ? node(Op::Not, line, std::move(made)) : std::move(made);
}

}  // namespace temper::jinja
