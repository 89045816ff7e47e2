// Expressions.
#include "temper/language/template/filter.h"
#include "temper/language/template/interpreter.h"
#include "temper/language/template/operation.h"

namespace temper::jinja {

Value Interpreter::evaluate(const Expr& expr, const ScopePtr& scope) {
  Level level(depth_, kDeepestCall);
  budget.spend();
  line_ = expr.line;
  switch (expr.op) {
    case Op::Const:
      return expr.value;
    case Op::Name:
      return lookup(expr.name, scope);
    case Op::Getattr:
      return get_attribute(budget, evaluate(*expr.kids[0], scope), expr.name);
    case Op::And: {
      Value left = evaluate(*expr.kids[0], scope);
      return truth(left) ? evaluate(*expr.kids[1], scope) : left;
    }
    case Op::Or: {
      Value left = evaluate(*expr.kids[0], scope);
      return truth(left) ? left : evaluate(*expr.kids[1], scope);
    }
    case Op::Not:
      return Value::of(!truth(evaluate(*expr.kids[0], scope)));
    case Op::Compare:
      return compare(expr, scope);
    case Op::Filter:
      return filtered(expr, scope);
    case Op::Test:
      return tested(expr, scope);
    case Op::If:
      return conditional(expr, scope);
    default:
      return compute(expr, scope);
  }
}

Value Interpreter::compute(const Expr& expr, const ScopePtr& scope) {
  switch (expr.op) {
    case Op::List:
      return make_list(budget, evaluate_all(expr, scope, 0));
    case Op::Tuple:
      return make_tuple(budget, evaluate_all(expr, scope, 0));
    case Op::Dict:
      return dict(expr, scope);
    case Op::Getitem:
      return item(expr, scope);
    case Op::Slice:
      fail("a slice stands only inside [ ]");
    case Op::Call: {
      Value callee = evaluate(*expr.kids[0], scope);
      Args args = arguments(expr, scope, 1);
      line_ = expr.line;
      return call(callee, args);
    }
    case Op::Neg:
    case Op::Pos:
      return negative(evaluate(*expr.kids[0], scope), expr.op == Op::Pos);
    case Op::Concat:
      return concatenate(expr, scope);
    default: {
      Value left = evaluate(*expr.kids[0], scope);
      Value right = evaluate(*expr.kids[1], scope);
      line_ = expr.line;
      return arithmetic(budget, expr.op, left, right);
    }
  }
}

Value Interpreter::lookup(const std::string& name, const ScopePtr& scope) {
  for (const Scope* at = scope.get(); at; at = at->parent.get()) {
    if (const Value* found = at->find(name)) return *found;
  }
  return undefined_name(budget, name);
}

Value Interpreter::compare(const Expr& expr, const ScopePtr& scope) {
  auto holds = [&](Relation relation, const Value& a, const Value& b) {
    switch (relation) {
      case Relation::Equal:
        return equal(budget, a, b);
      case Relation::NotEqual:
        return !equal(budget, a, b);
      case Relation::Less:
        return ordered(budget, Order::Less, a, b);
      case Relation::LessEqual:
        return ordered(budget, Order::LessEqual, a, b);
      case Relation::Greater:
        return ordered(budget, Order::Greater, a, b);
      case Relation::GreaterEqual:
        return ordered(budget, Order::GreaterEqual, a, b);
      case Relation::In:
        return contains(budget, b, a);
      case Relation::NotIn:
        return !contains(budget, b, a);
    }
    return false;
  };
  Value left = evaluate(*expr.kids[0], scope);
  for (size_t k = 0; k < expr.relations.size(); ++k) {
    Value right = evaluate(*expr.kids[k + 1], scope);
    line_ = expr.line;
    if (!holds(expr.relations[k], left, right)) return Value::of(false);
    left = std::move(right);
  }
  return Value::of(true);
}

Value Interpreter::concatenate(const Expr& expr, const ScopePtr& scope) {
  std::string text;
  for (const Value& part : evaluate_all(expr, scope, 0)) {
    text += str(budget, part);
    budget.room(text.size());
  }
  return make_text(budget, std::move(text));
}

Value Interpreter::item(const Expr& expr, const ScopePtr& scope) {
  Value owner = evaluate(*expr.kids[0], scope);
  const Expr& key = *expr.kids[1];
  if (key.op != Op::Slice) return get_item(budget, owner, evaluate(key, scope));
  auto part = [&](size_t k) { return key.kids[k] ? evaluate(*key.kids[k], scope) : Value::none(); };
  Value start = part(0), stop = part(1), step = part(2);
  return get_slice(budget, owner, start, stop, step);
}

Value Interpreter::dict(const Expr& expr, const ScopePtr& scope) {
  Value made = make_dict(budget, {});
  for (size_t k = 0; k < expr.kids.size(); k += 2) {
    Value key = evaluate(*expr.kids[k], scope), value = evaluate(*expr.kids[k + 1], scope);
    put(budget, made.as<Dict>(), key, value);
  }
  return made;
}

Value Interpreter::conditional(const Expr& expr, const ScopePtr& scope) {
  if (truth(evaluate(*expr.kids[0], scope))) return evaluate(*expr.kids[1], scope);
  if (expr.kids[2]) return evaluate(*expr.kids[2], scope);
  return undefined("the inline if-expression on line " + std::to_string(expr.line) +
                   " evaluated to false and no else section was defined.");
}

Value Interpreter::filtered(const Expr& expr, const ScopePtr& scope) {
  Value subject = expr.kids[0] ? evaluate(*expr.kids[0], scope) : *block_text_;
  Args args = arguments(expr, scope, 1);
  line_ = expr.line;
  if (!expr.filter) fail("No filter named '" + expr.name + "' found.");
  return expr.filter->apply(*this, subject, args);
}

Value Interpreter::tested(const Expr& expr, const ScopePtr& scope) {
  Value subject = evaluate(*expr.kids[0], scope);
  Args args = arguments(expr, scope, 1);
  line_ = expr.line;
  if (!expr.test) fail("No test named '" + expr.name + "' found.");
  return Value::of(expr.test->holds(*this, subject, args));
}

std::vector<Value> Interpreter::evaluate_all(const Expr& expr, const ScopePtr& scope, size_t from) {
  std::vector<Value> values;
  values.reserve(expr.kids.size() - from);
  for (size_t k = from; k < expr.kids.size(); ++k) values.push_back(evaluate(*expr.kids[k], scope));
  return values;
}

Args Interpreter::arguments(const Expr& expr, const ScopePtr& scope, size_t from) {
  Args args{evaluate_all(expr, scope, from), {}};
  auto add = [&](const std::string& name, Value value) {
    for (const auto& [have, unused] : args.keyword) {
      if (have == name) fail("got multiple values for keyword argument '" + name + "'");
    }
    args.keyword.emplace_back(name, std::move(value));
  };
  for (const auto& [name, value] : expr.keywords) add(name, evaluate(*value, scope));
  if (expr.star) {
    for (Value& value : iterate(budget, evaluate(*expr.star, scope))) {
      args.positional.push_back(std::move(value));
    }
  }
  if (expr.double_star) {
    Value more = evaluate(*expr.double_star, scope);
    if (more.is(Kind::Undefined)) fail_undefined(more);
    if (!more.is(Kind::Dict)) fail("the argument after ** must be a mapping");
    for (const auto& [name, value] : more.as<Dict>().items) {
      budget.spend(args.keyword.size());
      if (!name.is(Kind::Str)) fail("keywords must be strings");
      add(name.text(), value);
    }
  }
  return args;
}

Value Interpreter::apply(const Filter& filter, const Value& subject, Args& args) {
  Level level(depth_, kDeepestCall);
  return filter.apply(*this, subject, args);
}

Value Interpreter::call(const Value& callee, Args& args) {
  Level level(depth_, kDeepestCall);
  budget.spend();
  if (callee.is(Kind::Undefined)) fail_undefined(callee);
  if (callee.is(Kind::Callable)) return callee.as<Callable>().call(*this, args);
  if (callee.is(Kind::Loop)) return call_loop(callee, args);
  fail("'" + type_name(callee) + "' is not callable");
}

}  // namespace temper::jinja
