// Blocks: what each does to the output and to the names.
#include <algorithm>

#include "temper/language/template/call.h"
#include "temper/language/template/interpreter.h"
#include "temper/language/template/loop.h"
#include "temper/language/template/operation.h"
#include "temper/language/template/unicode.h"

namespace temper::jinja {
namespace {

ScopePtr inside(const ScopePtr& scope) {
  auto made = std::make_shared<Scope>();
  made->parent = scope;
  return made;
}

}  // namespace

const Value* Scope::find(const std::string& name) const {
  for (const auto& [have, value] : names) {
    if (have == name) return &value;
  }
  return nullptr;
}

void Scope::set(const std::string& name, Value value) {
  for (auto& [have, held] : names) {
    if (have == name) {
      held = std::move(value);
      return;
    }
  }
  names.emplace_back(name, std::move(value));
}

Interpreter::Flow Interpreter::execute(const Body& body, const ScopePtr& scope) {
  for (const Stmt& stmt : body) {
    Flow flow = execute(stmt, scope);
    if (flow != Flow::Next) return flow;
  }
  return Flow::Next;
}

Interpreter::Flow Interpreter::execute(const Stmt& stmt, const ScopePtr& scope) {
  Level level(depth_, kDeepestCall);
  budget.spend();
  line_ = stmt.line;
  switch (stmt.kind) {
    case Stmt::Kind::Text:
      emit(stmt.text);
      return Flow::Next;
    case Stmt::Kind::Print:
      emit(str(budget, evaluate(*stmt.value, scope)));
      return Flow::Next;
    case Stmt::Kind::If:
      return execute(truth(evaluate(*stmt.value, scope)) ? stmt.body : stmt.otherwise, scope);
    case Stmt::Kind::For:
      return for_block(stmt, scope);
    case Stmt::Kind::Set:
      check_namespaces(stmt.target, scope);
      assign(stmt.target, evaluate(*stmt.value, scope), scope);
      return Flow::Next;
    case Stmt::Kind::SetBlock:
      return set_block(stmt, scope);
    case Stmt::Kind::Macro:
      scope->set(stmt.text, macro(stmt, scope));
      return Flow::Next;
    case Stmt::Kind::CallBlock:
      call_block(stmt, scope);
      return Flow::Next;
    case Stmt::Kind::FilterBlock:
      return filter_block(stmt, scope);
    case Stmt::Kind::With:
      return with_block(stmt, scope);
    case Stmt::Kind::Generation:
      generation(stmt, scope);
      return Flow::Next;
    case Stmt::Kind::Break:
      return Flow::Break;
    case Stmt::Kind::Continue:
      return Flow::Continue;
  }
  return Flow::Next;
}

void Interpreter::emit(std::string_view text) {
  budget.room(out_->size() + text.size());
  budget.spend(text.size() / 64);
  out_->append(text);
}

std::string Interpreter::captured(const Body& body, const ScopePtr& scope, Flow& flow) {
  std::string text;
  std::string* before = std::exchange(out_, &text);
  try {
    flow = execute(body, scope);
  } catch (...) {
    out_ = before;
    throw;
  }
  out_ = before;
  return text;
}

Interpreter::Flow Interpreter::with_block(const Stmt& stmt, const ScopePtr& scope) {
  ScopePtr inner = inside(scope);
  for (const auto& [name, value] : stmt.parameters) inner->set(name, evaluate(*value, scope));
  return execute(stmt.body, inner);
}

Interpreter::Flow Interpreter::set_block(const Stmt& stmt, const ScopePtr& scope) {
  Flow flow = Flow::Next;
  ScopePtr inner = inside(scope);
  Value text = make_text(budget, captured(stmt.body, inner, flow));
  if (flow != Flow::Next) return flow;
  if (stmt.value) {
    const Value* before = std::exchange(block_text_, &text);
    text = Value(evaluate(*stmt.value, inner));
    block_text_ = before;
  }
  check_namespaces(stmt.target, scope);
  assign(stmt.target, text, scope);
  return Flow::Next;
}

Interpreter::Flow Interpreter::filter_block(const Stmt& stmt, const ScopePtr& scope) {
  Flow flow = Flow::Next;
  ScopePtr inner = inside(scope);
  Value text = make_text(budget, captured(stmt.body, inner, flow));
  if (flow != Flow::Next) return flow;
  const Value* before = std::exchange(block_text_, &text);
  Value result = evaluate(*stmt.value, inner);
  block_text_ = before;
  emit(str(budget, result));
  return Flow::Next;
}

void Interpreter::generation(const Stmt& stmt, const ScopePtr& scope) {
  Flow flow = Flow::Next;
  std::string text = captured(stmt.body, inside(scope), flow);
  // transformers takes what has left the template so far as the start: inside a macro or a set
  // block that is where the outermost capture began.
  counted_points_ += count_points(std::string_view(root_).substr(counted_bytes_));
  counted_bytes_ = root_.size();
  spans_.emplace_back(counted_points_, counted_points_ + count_points(text));
  emit(text);
}

Interpreter::Flow Interpreter::for_block(const Stmt& stmt, const ScopePtr& scope) {
  Value items = evaluate(*stmt.value, scope);
  if (!stmt.recursive) return iterate_block(stmt, scope, items, 0);
  emit(recursive_block(stmt, scope, items, 0).text());
  return Flow::Next;
}

Value Interpreter::recursive_block(const Stmt& stmt, const ScopePtr& scope, const Value& items,
                                   int64_t depth0) {
  std::string text;
  std::string* before = std::exchange(out_, &text);
  try {
    iterate_block(stmt, scope, items, depth0);
  } catch (...) {
    out_ = before;
    throw;
  }
  out_ = before;
  return make_text(budget, std::move(text));
}

Interpreter::Flow Interpreter::iterate_block(const Stmt& stmt, const ScopePtr& scope,
                                             const Value& items, int64_t depth0) {
  auto loop = std::make_shared<Loop>();
  loop->items = iterate(budget, items);
  loop->depth = depth_above(loop->items);
  loop->depth0 = depth0;
  if (stmt.test) {
    loop->keep = [&](const Value& item) {
      ScopePtr inner = inside(scope);
      assign(stmt.target, item, inner);
      return truth(evaluate(*stmt.test, inner));
    };
  }
  if (stmt.recursive) {
    loop->recurse = [&stmt, scope, depth0](Interpreter& run, const Value& more) {
      return run.recursive_block(stmt, scope, more, depth0 + 1);
    };
  }
  bool entered = false;
  Flow flow = Flow::Next;
  while (flow != Flow::Break && loop->advance()) {
    budget.spend();
    entered = true;
    ScopePtr inner = inside(scope);
    inner->set("loop", Value::of(Kind::Loop, loop));
    assign(stmt.target, loop->current, inner);
    flow = execute(stmt.body, inner);
  }
  loop->keep = nullptr;  // holds this frame
  if (entered) return Flow::Next;
  return execute(stmt.otherwise, inside(scope));
}

Value Interpreter::call_loop(const Value& value, Args& args) {
  Bound bound("loop", args, {"iterable"}, 1);
  auto recurse = value.as<Loop>().recurse;
  if (!recurse) fail("The loop must have the 'recursive' marker to be called recursively.");
  return recurse(*this, bound.need(0));
}

void Interpreter::check_namespaces(const Target& target, const ScopePtr& scope) {
  for (const Target& item : target.items) check_namespaces(item, scope);
  if (!target.attribute.empty() && !lookup(target.name, scope).is(Kind::Namespace)) {
    fail("cannot assign attribute on non-namespace object");
  }
}

void Interpreter::assign_attribute(const Target& target, const Value& value,
                                   const ScopePtr& scope) {
  if (target.attribute[0] == '_') {
    fail("Chat templates cannot store underscore-prefixed attributes on a namespace, but got '" +
         target.attribute + "'. Please rename the attribute.");
  }
  Value space = lookup(target.name, scope);
  if (!space.is(Kind::Namespace)) fail("cannot assign attribute on non-namespace object");
  auto& attributes = space.as<Namespace>().attributes;
  budget.spend(attributes.size() / 8);
  for (auto& [have, held] : attributes) {
    if (have == target.attribute) {
      held = value;
      return;
    }
  }
  attributes.emplace_back(target.attribute, value);
}

void Interpreter::assign(const Target& target, const Value& value, const ScopePtr& scope) {
  if (!target.attribute.empty()) return assign_attribute(target, value, scope);
  if (!target.is_tuple) return scope->set(target.name, value);
  std::vector<Value> items = iterate(budget, value);
  if (items.size() != target.items.size()) {
    fail(std::string(items.size() < target.items.size() ? "not enough" : "too many") +
         " values to unpack (expected " + std::to_string(target.items.size()) + ", got " +
         std::to_string(items.size()) + ")");
  }
  for (size_t k = 0; k < items.size(); ++k) assign(target.items[k], items[k], scope);
}

Value Interpreter::macro(const Stmt& stmt, const ScopePtr& scope) {
  if (!scope->kept) {  // the scope will hold the macro, and the macro the scope
    scope->kept = true;
    kept_scopes_.push_back(scope);
  }
  Value made = make_callable(stmt.text, [&stmt, scope](Interpreter& run, Args& args) {
    return run.call_macro(stmt, scope, args);
  });
  auto& callable = made.as<Callable>();
  callable.type = "jinja2.runtime.Macro object";
  for (const auto& [name, fallback] : stmt.parameters) {
    callable.arguments.push_back(make_text(budget, name));
  }
  return made;
}

namespace {

std::optional<Value> popped(Args& args, const std::string& name) {
  for (auto at = args.keyword.begin(); at != args.keyword.end(); ++at) {
    if (at->first != name) continue;
    Value value = std::move(at->second);
    args.keyword.erase(at);
    return value;
  }
  return {};
}

}  // namespace

void Interpreter::bind_parameters(const Stmt& stmt, const ScopePtr& inner, Args& args) {
  size_t wanted = stmt.parameters.size(), taken = std::min(wanted, args.positional.size());
  bool found_caller = false;
  std::vector<bool> absent(wanted, false);
  for (size_t k = 0; k < wanted; ++k) {
    const auto& [name, fallback] = stmt.parameters[k];
    found_caller |= name == "caller";
    if (k < taken) {
      inner->set(name, args.positional[k]);
    } else if (auto value = popped(args, name)) {
      inner->set(name, *std::move(value));
    } else {
      absent[k] = true;
      inner->set(name, undefined("parameter '" + name + "' was not provided"));
    }
  }
  if (stmt.uses_caller && !found_caller) {
    auto caller = popped(args, "caller");
    inner->set("caller", caller ? *std::move(caller) : undefined("No caller defined"));
  }
  std::string who = "macro '" + stmt.text + "' ";
  if (stmt.uses_kwargs) {
    std::vector<std::pair<Value, Value>> rest;
    for (auto& [name, value] : args.keyword) rest.emplace_back(make_text(budget, name), value);
    inner->set("kwargs", make_dict(budget, std::move(rest)));
  } else if (!args.keyword.empty()) {
    fail(who + "takes no keyword argument '" + args.keyword[0].first + "'");
  }
  std::vector<Value> more(args.positional.begin() + static_cast<ptrdiff_t>(taken),
                          args.positional.end());
  if (!stmt.uses_varargs && !more.empty()) {
    fail(who + "takes not more than " + std::to_string(wanted) + " argument(s)");
  }
  if (stmt.uses_varargs) inner->set("varargs", make_tuple(budget, std::move(more)));
  for (size_t k = 0; k < wanted; ++k) {
    const auto& [name, fallback] = stmt.parameters[k];
    if (absent[k] && fallback) inner->set(name, evaluate(*fallback, inner));
  }
}

Value Interpreter::call_macro(const Stmt& stmt, const ScopePtr& closure, Args& args) {
  ScopePtr inner = inside(closure);
  bind_parameters(stmt, inner, args);
  Flow flow = Flow::Next;
  return make_text(budget, captured(stmt.body, inner, flow));
}

void Interpreter::call_block(const Stmt& stmt, const ScopePtr& scope) {
  const Expr& expr = *stmt.value;
  Value callee = evaluate(*expr.kids[0], scope);
  Args args = arguments(expr, scope, 1);
  args.keyword.emplace_back("caller", macro(stmt, scope));
  emit(str(budget, call(callee, args)));
}

Interpreter::Interpreter(const Parsed& parsed, int64_t now_s, Limits limits)
    : budget(limits.steps, limits.output_bytes), parsed_(parsed), limits_(limits), now_s_(now_s) {}

Interpreter::~Interpreter() {
  for (const ScopePtr& scope : kept_scopes_) scope->names.clear();
  for (const auto& object : kept_) {
    if (auto* space = dynamic_cast<Namespace*>(object.get())) space->attributes.clear();
    if (auto* loop = dynamic_cast<Loop*>(object.get())) loop->last_changed.reset();
  }
}

Value Interpreter::make_namespace(Args& args) {
  auto made = std::make_shared<Namespace>();
  keep(made);
  budget.spend(1 + args.keyword.size());
  Value from = make_dict_from(budget, args);
  for (const auto& [key, value] : from.as<Dict>().items) {
    if (!key.is(Kind::Str)) fail("a namespace's attributes must be named by strings");
    if (!key.text().empty() && key.text()[0] == '_') {
      fail("Chat templates cannot store underscore-prefixed attributes on a namespace, but got " +
           repr(budget, key) + ". Please rename the attribute.");
    }
    made->attributes.emplace_back(key.text(), value);
  }
  return Value::of(Kind::Namespace, made);
}

Rendered Interpreter::run(const Json& variables) {
  Rendered rendered;
  try {
    auto globals = std::make_shared<Scope>();
    globals->names = global_names();
    ScopePtr top = inside(globals);
    Value given = from_json(budget, variables);
    if (!given.is(Kind::Dict)) fail("the template's variables must be a JSON object");
    for (const auto& [name, value] : given.as<Dict>().items) globals->set(name.text(), value);
    execute(parsed_.body, top);
  } catch (const Error& error) {
    throw error.at(parsed_.where + (line_ > 0 ? ":" + std::to_string(line_) : ""));
  }
  // Code points to bytes, in one walk over the ends in ascending order.
  std::vector<std::pair<size_t, size_t*>> ends;
  for (const auto& [begin, end] : spans_) rendered.assistant.push_back({begin, end});
  for (ByteSpan& span : rendered.assistant) {
    ends.emplace_back(span.begin, &span.begin);
    ends.emplace_back(span.end, &span.end);
  }
  std::sort(ends.begin(), ends.end());
  size_t point = 0, at = 0;
  for (auto& [wanted, where] : ends) {
    for (; point < wanted && at < root_.size(); ++point) next_point(root_, at);
    *where = at;
  }
  rendered.text = std::move(root_);
  return rendered;
}

}  // namespace temper::jinja
