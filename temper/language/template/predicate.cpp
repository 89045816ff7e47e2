// The tests of Jinja: what `is` asks.
#include <algorithm>

#include "temper/language/template/call.h"
#include "temper/language/template/filter.h"
#include "temper/language/template/interpreter.h"
#include "temper/language/template/operation.h"
#include "temper/language/template/unicode.h"

namespace temper::jinja {
namespace {

using Ask = bool (*)(Interpreter&, const Value&);

// A test without arguments.
template <Ask ask>
bool plain(Interpreter& run, const Value& value, Args& args) {
  Bound bound("this test", args, {});
  return ask(run, value);
}

template <Order order>
bool in_order(Interpreter& run, const Value& value, Args& args) {
  Bound bound("this test", args, {"other"}, 1);
  return ordered(run.budget, order, value, bound.need(0));
}

template <bool wanted>
bool equals(Interpreter& run, const Value& value, Args& args) {
  Bound bound("this test", args, {"other"}, 1);
  return equal(run.budget, value, bound.need(0)) == wanted;
}

bool rest_is(Interpreter& run, const Value& value, const Value& by, int64_t wanted) {
  return equal(run.budget, arithmetic(run.budget, Op::Mod, value, by), Value::of(wanted));
}

bool divisible_by(Interpreter& run, const Value& value, Args& args) {
  Bound bound("divisibleby", args, {"num"}, 1);
  return rest_is(run, value, bound.need(0), 0);
}

bool in(Interpreter& run, const Value& value, Args& args) {
  Bound bound("in", args, {"seq"}, 1);
  return contains(run.budget, bound.need(0), value);
}

// Identity: objects by address, small values by themselves.
bool same_as(Interpreter&, const Value& value, Args& args) {
  Bound bound("sameas", args, {"other"}, 1);
  const Value& other = bound.need(0);
  if (value.kind != other.kind) return false;
  switch (value.kind) {
    case Kind::None:
      return true;
    case Kind::Bool:
      return value.boolean == other.boolean;
    case Kind::Int:
      return value.integer == other.integer;
    case Kind::Float:
      return value.real == other.real;
    case Kind::Str:
      return value.text() == other.text();
    default:
      return value.object == other.object;
  }
}

bool is_kind(const Value& value, std::initializer_list<Kind> kinds) {
  return std::find(kinds.begin(), kinds.end(), value.kind) != kinds.end();
}

constexpr Test kTests[] = {
    {"odd",
     plain<[](Interpreter& r, const Value& v) { return rest_is(r, v, Value::of(int64_t{2}), 1); }>},
    {"even",
     plain<[](Interpreter& r, const Value& v) { return rest_is(r, v, Value::of(int64_t{2}), 0); }>},
    {"divisibleby", divisible_by},
    {"defined", plain<[](Interpreter&, const Value& v) { return !v.is(Kind::Undefined); }>},
    {"undefined", plain<[](Interpreter&, const Value& v) { return v.is(Kind::Undefined); }>},
    {"filter",
     plain<[](Interpreter&, const Value& v) { return v.is(Kind::Str) && find_filter(v.text()); }>},
    {"test",
     plain<[](Interpreter&, const Value& v) { return v.is(Kind::Str) && find_test(v.text()); }>},
    {"none", plain<[](Interpreter&, const Value& v) { return v.is(Kind::None); }>},
    {"boolean", plain<[](Interpreter&, const Value& v) { return v.is(Kind::Bool); }>},
    {"false", plain<[](Interpreter&, const Value& v) { return v.is(Kind::Bool) && !v.boolean; }>},
    {"true", plain<[](Interpreter&, const Value& v) { return v.is(Kind::Bool) && v.boolean; }>},
    {"integer", plain<[](Interpreter&, const Value& v) { return v.is(Kind::Int); }>},
    {"float", plain<[](Interpreter&, const Value& v) { return v.is(Kind::Float); }>},
    {"lower",
     plain<[](Interpreter& r, const Value& v) { return is_lower_text(str(r.budget, v)); }>},
    {"upper",
     plain<[](Interpreter& r, const Value& v) { return is_upper_text(str(r.budget, v)); }>},
    {"string", plain<[](Interpreter&, const Value& v) { return v.is(Kind::Str); }>},
    {"mapping", plain<[](Interpreter&, const Value& v) { return v.is(Kind::Dict); }>},
    {"number", plain<[](Interpreter&, const Value& v) { return v.is_number(); }>},
    {"sequence", plain<[](Interpreter&, const Value& v) {
       return is_kind(
           v, {Kind::Undefined, Kind::Str, Kind::List, Kind::Tuple, Kind::Dict, Kind::Range});
     }>},
    {"iterable", plain<[](Interpreter&, const Value& v) { return is_iterable(v); }>},
    {"callable", plain<[](Interpreter&, const Value& v) {
       return is_kind(v, {Kind::Callable, Kind::Loop, Kind::Undefined});
     }>},
    {"escaped", plain<[](Interpreter&, const Value& v) { return v.markup; }>},
    {"sameas", same_as},
    {"in", in},
    {"==", equals<true>},
    {"eq", equals<true>},
    {"equalto", equals<true>},
    {"!=", equals<false>},
    {"ne", equals<false>},
    {">", in_order<Order::Greater>},
    {"gt", in_order<Order::Greater>},
    {"greaterthan", in_order<Order::Greater>},
    {">=", in_order<Order::GreaterEqual>},
    {"ge", in_order<Order::GreaterEqual>},
    {"<", in_order<Order::Less>},
    {"lt", in_order<Order::Less>},
    {"lessthan", in_order<Order::Less>},
    {"<=", in_order<Order::LessEqual>},
    {"le", in_order<Order::LessEqual>}};

}  // namespace

const Test* find_test(std::string_view name) {
  const auto* found = std::find_if(std::begin(kTests), std::end(kTests),
                                   [&](const Test& test) { return test.name == name; });
  return found == std::end(kTests) ? nullptr : found;
}

}  // namespace temper::jinja
