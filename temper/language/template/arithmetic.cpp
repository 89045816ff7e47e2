#include <cmath>

#include "temper/language/template/operation.h"

namespace temper::jinja {
namespace {

const char* symbol(Op op) {
  switch (op) {
    case Op::Add:
      return "+";
    case Op::Sub:
      return "-";
    case Op::Mul:
      return "*";
    case Op::Div:
      return "/";
    case Op::FloorDiv:
      return "//";
    case Op::Mod:
      return "%";
    default:
      return "**";
  }
}

[[noreturn]] void overflow() {
  fail("the result of integer arithmetic needs more than 64 bits");
}

int64_t power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) overflow();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) overflow();
  }
  return result;
}

double float_power(double a, double b) {
  if (a == 0 && b < 0) fail("0.0 cannot be raised to a negative power");
  if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b)) {
    fail("a negative number to a fractional power is complex");
  }
  double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) fail("the power is too large");
  return result;
}

Value whole(Op op, int64_t a, int64_t b) {
  int64_t result = 0;
  if ((op == Op::Div || op == Op::FloorDiv || op == Op::Mod) && b == 0) fail("division by zero");
  switch (op) {
    case Op::Add:
      if (__builtin_add_overflow(a, b, &result)) overflow();
      break;
    case Op::Sub:
      if (__builtin_sub_overflow(a, b, &result)) overflow();
      break;
    case Op::Mul:
      if (__builtin_mul_overflow(a, b, &result)) overflow();
      break;
    case Op::Div:
      return Value::of(static_cast<double>(a) / static_cast<double>(b));
    case Op::FloorDiv:
      if (b == -1 && __builtin_sub_overflow(int64_t{0}, a, &result)) overflow();
      result = b == -1 ? -a : a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
      break;
    case Op::Mod:
      result = b == -1 ? 0 : a % b;
      if (result != 0 && (result < 0) != (b < 0)) result += b;
      break;
    default:
      if (b < 0) return Value::of(float_power(static_cast<double>(a), static_cast<double>(b)));
      result = power(a, b);
  }
  return Value::of(result);
}

// CPython's float_divmod.
void divide(double a, double b, double& quotient, double& rest) {
  if (b == 0) fail("float division by zero");
  rest = std::fmod(a, b);
  quotient = (a - rest) / b;
  if (rest != 0) {
    if ((b < 0) != (rest < 0)) {
      rest += b;
      quotient -= 1;
    }
  } else {
    rest = std::copysign(0.0, b);
  }
  if (quotient != 0) {
    double floor = std::floor(quotient);
    quotient = quotient - floor > 0.5 ? floor + 1 : floor;
  } else {
    quotient = std::copysign(0.0, a / b);
  }
}

Value real(Op op, double a, double b) {
  double quotient = 0, rest = 0;
  switch (op) {
    case Op::Add:
      return Value::of(a + b);
    case Op::Sub:
      return Value::of(a - b);
    case Op::Mul:
      return Value::of(a * b);
    case Op::Div:
      if (b == 0) fail("float division by zero");
      return Value::of(a / b);
    case Op::FloorDiv:
      divide(a, b, quotient, rest);
      return Value::of(quotient);
    case Op::Mod:
      divide(a, b, quotient, rest);
      return Value::of(rest);
    default:
      return Value::of(float_power(a, b));
  }
}

Value joined(Budget& budget, const Value& a, const Value& b) {
  bool markup = a.markup || b.markup;
  const Value left = markup ? escape(budget, a) : a, right = markup ? escape(budget, b) : b;
  budget.room(left.text().size() + right.text().size());
  return make_text(budget, left.text() + right.text(), markup);
}

}  // namespace

Value repeated(Budget& budget, const Value& sequence, int64_t times) {
  size_t count = times > 0 ? static_cast<size_t>(times) : 0;
  if (sequence.is(Kind::Str)) {
    budget.text(sequence.text().size(), count);
    std::string text;
    if (!sequence.text().empty()) {
      text.reserve(sequence.text().size() * count);
      for (size_t k = 0; k < count; ++k) text += sequence.text();
    }
    return make_text(budget, std::move(text), sequence.markup);
  }
  const auto& items = sequence.as<Seq>().items;
  std::vector<Value> out;
  for (size_t k = 0; k < count && !items.empty(); ++k) {
    budget.spend(items.size());
    out.insert(out.end(), items.begin(), items.end());
  }
  return sequence.is(Kind::List) ? make_list(budget, std::move(out))
                                 : make_tuple(budget, std::move(out));
}

Value arithmetic(Budget& budget, Op op, const Value& a, const Value& b) {
  budget.spend();
  if (a.is_whole() && b.is_whole()) return whole(op, a.whole(), b.whole());
  if (a.is_number() && b.is_number()) return real(op, a.number(), b.number());
  if (op == Op::Mod && a.is(Kind::Str)) return percent(budget, a, b);
  if (a.is(Kind::Undefined)) fail_undefined(a);
  if (b.is(Kind::Undefined)) fail_undefined(b);
  if (op == Op::Add && a.is(Kind::Str) && b.is(Kind::Str)) return joined(budget, a, b);
  if (op == Op::Add && a.is_sequence() && a.kind == b.kind) {
    std::vector<Value> items = a.as<Seq>().items;
    const auto& more = b.as<Seq>().items;
    items.insert(items.end(), more.begin(), more.end());
    return a.is(Kind::List) ? make_list(budget, std::move(items))
                            : make_tuple(budget, std::move(items));
  }
  bool repeats_left = a.is(Kind::Str) || a.is_sequence(),
       repeats_right = b.is(Kind::Str) || b.is_sequence();
  if (op == Op::Mul && repeats_left && b.is_whole()) return repeated(budget, a, b.whole());
  if (op == Op::Mul && repeats_right && a.is_whole()) return repeated(budget, b, a.whole());
  fail(std::string("unsupported operand type(s) for ") + symbol(op) + ": '" + type_name(a) +
       "' and '" + type_name(b) + "'");
}

Value negative(const Value& value, bool keep_sign) {
  if (value.is(Kind::Undefined)) fail_undefined(value);
  if (value.is(Kind::Float)) return keep_sign ? value : Value::of(-value.real);
  if (!value.is_whole()) fail("bad operand type for unary -: '" + type_name(value) + "'");
  int64_t result = value.whole();
  if (!keep_sign && __builtin_sub_overflow(int64_t{0}, value.whole(), &result)) overflow();
  return Value::of(result);
}

}  // namespace temper::jinja
