// Filters that work on texts and numbers.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "temper/language/template/call.h"
#include "temper/language/template/filter.h"
#include "temper/language/template/interpreter.h"
#include "temper/language/template/literal.h"
#include "temper/language/template/operation.h"
#include "temper/language/template/unicode.h"

namespace temper::jinja {
namespace {

// The method of str of the same name, on the subject as text.
template <const char* const& name>
Value by_method(Interpreter& run, const Value& subject, Args& args) {
  return find_text_method(name)(run, soft_str(run.budget, subject), args);
}
const char* const kUpper = "upper";
const char* const kLower = "lower";
const char* const kCapitalize = "capitalize";
const char* const kTrim = "strip";

Value center(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("center", args, {"width"});
  Value text = soft_str(run.budget, subject);
  return make_text(run.budget, justified(run.budget, text.text(), bound.whole(0, 80), '^', " "),
                   text.markup);
}

Value replace(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("replace", args, {"old", "new", "count"}, 2);
  int64_t most = bound.given(2) ? bound.whole(2, -1) : -1;
  return make_text(run.budget,
                   replaced(run.budget, str(run.budget, subject), str(run.budget, bound.need(0)),
                            str(run.budget, bound.need(1)), most));
}

// Words begin after - white space ( { [ <.
Value title_words(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("title", args, {});
  std::string text = str(run.budget, subject), out, word;
  run.budget.text(text.size());
  auto flush = [&] {
    if (word.empty()) return;
    size_t first = 0;
    next_point(word, first);
    out += upper(std::string_view(word).substr(0, first)) +
           lower(std::string_view(word).substr(first));
    word.clear();
  };
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    char32_t point = next_point(text, at);
    bool breaks =
        is_space(point) || std::u32string_view(U"-({[<").find(point) != std::u32string_view::npos;
    if (breaks) flush();
    (breaks ? out : word).append(text, begin, at - begin);
  }
  flush();
  return make_text(run.budget, std::move(out));
}

Value escaped(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("escape", args, {});
  return escape(run.budget, subject);
}

Value safe(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("safe", args, {});
  return make_text(run.budget, str(run.budget, subject), /*markup=*/true);
}

Value force_escape(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("forceescape", args, {});
  return escape(run.budget, make_text(run.budget, str(run.budget, subject)));
}

Value string(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("string", args, {});
  return soft_str(run.budget, subject);
}

Value format(Interpreter& run, const Value& subject, Args& args) {
  if (!args.positional.empty() && !args.keyword.empty()) {
    fail("can't handle positional and keyword arguments at the same time");
  }
  Value text = soft_str(run.budget, subject);
  if (args.keyword.empty())
    return percent(run.budget, text, make_tuple(run.budget, args.positional));
  return percent(run.budget, text, make_dict_from(run.budget, args));
}

Value indent(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("indent", args, {"width", "first", "blank"});
  if (subject.is(Kind::Undefined)) fail_undefined(subject);
  if (!subject.is(Kind::Str)) fail("indent wants a text, got '" + type_name(subject) + "'");
  std::string margin;
  if (bound.get(0) && bound.get(0)->is(Kind::Str)) {
    margin = bound.text(0);
  } else {
    int64_t width = std::max<int64_t>(bound.whole(0, 4), 0);
    run.budget.text(1, static_cast<size_t>(width));
    margin.assign(static_cast<size_t>(width), ' ');
  }
  bool blank = bound.flag(2, false);
  Args none;
  Value lines =
      find_text_method("splitlines")(run, make_text(run.budget, subject.text() + "\n"), none);
  std::string out = bound.flag(1, false) ? margin : "";
  bool first = true;
  for (const Value& line : lines.as<Seq>().items) {
    if (!first) out += "\n" + (blank || !line.text().empty() ? margin : "");
    first = false;
    out += line.text();
    run.budget.room(out.size());
  }
  return make_text(run.budget, std::move(out), subject.markup);
}

Value truncate(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("truncate", args, {"length", "killwords", "end", "leeway"});
  int64_t size = bound.whole(0, 255), leeway = bound.given(3) ? bound.whole(3, 5) : 5;
  std::string end = bound.get(2) ? bound.text(2) : "...";
  auto end_size = static_cast<int64_t>(count_points(end));
  if (size < end_size || leeway < 0)
    fail("truncate wants length >= " + std::to_string(end_size) + " and leeway >= 0");
  if (length(subject) - leeway <= size) return subject;
  if (!subject.is(Kind::Str)) fail("truncate wants a text, got '" + type_name(subject) + "'");
  Value kept =
      get_slice(run.budget, subject, Value::none(), Value::of(size - end_size), Value::none());
  std::string text = kept.text();
  if (!bound.flag(1, false)) {
    if (size_t space = text.rfind(' '); space != std::string::npos) text.erase(space);
  }
  return make_text(run.budget, text + end, subject.markup);
}

Value word_count(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("wordcount", args, {});
  std::string text = str(run.budget, subject);
  run.budget.spend(text.size() / 64);
  int64_t count = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    bool word = is_word(next_point(text, at));
    count += word && !inside ? 1 : 0;
    inside = word;
  }
  return Value::of(count);
}

std::string quoted(std::string_view text, bool query) {
  std::string out;
  for (char c : text) {
    bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                 std::string_view("_.-~").find(c) != std::string_view::npos || (c == '/' && !query);
    if (plain) {
      out += c;
    } else if (c == ' ' && query) {
      out += '+';
    } else {
      const char* hex = "0123456789ABCDEF";
      out +=
          {'%', hex[static_cast<unsigned char>(c) >> 4], hex[static_cast<unsigned char>(c) & 15]};
    }
  }
  return out;
}

Value urlencode(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("urlencode", args, {});
  if (subject.is(Kind::Str) || !is_iterable(subject)) {
    return make_text(run.budget, quoted(str(run.budget, subject), false));
  }
  std::string out;
  Value pairs = subject.is(Kind::Dict) ? make_view(View::What::Items, subject) : subject;
  for (const Value& pair : iterate(run.budget, pairs)) {
    std::vector<Value> both = iterate(run.budget, pair);
    if (both.size() != 2) fail("urlencode wants pairs");
    if (!out.empty()) out += '&';
    out += quoted(str(run.budget, both[0]), true) + "=" + quoted(str(run.budget, both[1]), true);
    run.budget.room(out.size());
  }
  return make_text(run.budget, std::move(out));
}

Value absolute(Interpreter&, const Value& subject, Args& args) {
  Bound bound("abs", args, {});
  if (subject.is(Kind::Float)) return Value::of(std::abs(subject.real));
  if (subject.is(Kind::Undefined)) fail_undefined(subject);
  if (!subject.is_whole()) fail("bad operand type for abs(): '" + type_name(subject) + "'");
  return negative(Value::of(subject.whole()), subject.whole() >= 0);
}

Value whole_of(double value) {
  if (std::isnan(value)) fail("cannot convert float NaN to integer");
  if (!(std::abs(value) < 9.2233720368547758e18)) fail("the number does not fit into 64 bits");
  return Value::of(static_cast<int64_t>(value));
}

Value to_int(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("int", args, {"default", "base"});
  Value fallback = bound.get(0) ? bound.need(0) : Value::of(int64_t{0});
  int64_t base = bound.whole(1, 10);
  if (subject.is(Kind::Undefined)) fail_undefined(subject);
  if (subject.is_whole()) return Value::of(subject.whole());
  if (subject.is(Kind::Float)) return std::isnan(subject.real) ? fallback : whole_of(subject.real);
  if (!subject.is(Kind::Str)) return fallback;
  run.budget.spend(subject.text().size() / 64);
  if (base == 0 || (base >= 2 && base <= 36)) {
    if (auto value = parse_integer(subject.text(), static_cast<int>(base)))
      return Value::of(*value);
  }
  auto value = parse_double(subject.text());
  return value && std::isfinite(*value) ? whole_of(*value) : fallback;
}

Value to_float(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("float", args, {"default"});
  Value fallback = bound.get(0) ? bound.need(0) : Value::of(0.0);
  if (subject.is(Kind::Undefined)) fail_undefined(subject);
  if (subject.is_number()) return Value::of(subject.number());
  if (!subject.is(Kind::Str)) return fallback;
  run.budget.spend(subject.text().size() / 64);
  auto value = parse_double(subject.text());
  return value ? Value::of(*value) : fallback;
}

// Python's round(x, digits): exact decimal value, halves to even.
double rounded(double value, int64_t digits) {
  if (!std::isfinite(value) || digits > 330) return value;
  if (digits < -310) return std::copysign(0.0, value);
  if (digits < 0) {
    double unit = std::pow(10.0, static_cast<double>(-digits));
    return std::nearbyint(value / unit) * unit;
  }
  char buffer[800];
  std::snprintf(buffer, sizeof buffer, "%.*f", static_cast<int>(digits), value);
  return std::strtod(buffer, nullptr);
}

Value rounded_whole(int64_t value, int64_t digits) {
  if (digits >= 0) return Value::of(value);
  if (digits < -18) return Value::of(int64_t{0});
  int64_t unit = 1;
  for (int64_t k = 0; k < -digits; ++k) unit *= 10;
  int64_t rest = value % unit, half = unit / 2, down = value - rest;
  if (rest < 0) {
    rest += unit;
    down = negative(Value::of(unit), false).integer + down;
  }
  bool up = rest > half || (rest == half && (down / unit) % 2 != 0);
  int64_t result = down;
  if (up && __builtin_add_overflow(down, unit, &result))
    fail("the rounded number needs more than 64 bits");
  return Value::of(result);
}

Value round(Interpreter&, const Value& subject, Args& args) {
  Bound bound("round", args, {"precision", "method"});
  int64_t digits = bound.whole(0, 0);
  std::string method = bound.get(1) ? bound.text(1) : "common";
  if (method != "common" && method != "ceil" && method != "floor")
    fail("method must be common, ceil or floor");
  if (subject.is(Kind::Undefined)) fail_undefined(subject);
  if (!subject.is_number()) fail("type '" + type_name(subject) + "' doesn't define round");
  if (method == "common") {
    return subject.is_whole() ? rounded_whole(subject.whole(), digits)
                              : Value::of(rounded(subject.real, digits));
  }
  double unit = std::pow(10.0, static_cast<double>(std::clamp<int64_t>(digits, -400, 400)));
  double scaled = subject.number() * unit;
  if (!std::isfinite(scaled) || unit == 0) fail("the number cannot be rounded so");
  return Value::of((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit);
}

constexpr Filter kFilters[] = {{"abs", absolute},
                               {"capitalize", by_method<kCapitalize>},
                               {"center", center},
                               {"e", escaped},
                               {"escape", escaped},
                               {"float", to_float},
                               {"forceescape", force_escape},
                               {"format", format},
                               {"indent", indent},
                               {"int", to_int},
                               {"lower", by_method<kLower>},
                               {"replace", replace},
                               {"round", round},
                               {"safe", safe},
                               {"string", string},
                               {"title", title_words},
                               {"trim", by_method<kTrim>},
                               {"truncate", truncate},
                               {"upper", by_method<kUpper>},
                               {"urlencode", urlencode},
                               {"wordcount", word_count}};

}  // namespace

const Filter* find_text_filter(std::string_view name) {
  const auto* found = std::find_if(std::begin(kFilters), std::end(kFilters),
                                   [&](const Filter& filter) { return filter.name == name; });
  return found == std::end(kFilters) ? nullptr : found;
}

}  // namespace temper::jinja
