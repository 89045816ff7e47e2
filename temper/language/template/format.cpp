// printf-style and brace-style formatting of text.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "temper/language/template/literal.h"
#include "temper/language/template/operation.h"
#include "temper/language/template/unicode.h"

namespace temper::jinja {
namespace {

struct Spec {
  std::string fill = " ";
  char align = 0;  ///< one of < > ^ =, 0: the type's own
  char sign = '-';
  bool alternate = false;
  bool comma = false;
  int64_t width = 0;
  int64_t precision = -1;
  char type = 0;
};

constexpr int64_t kWidest = 100'000;

int64_t read_count(std::string_view text, size_t& at) {
  int64_t value = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    value = value * 10 + (text[at] - '0');
    if (value > kWidest) fail("a format's width or precision is above " + std::to_string(kWidest));
  }
  return value;
}

std::string padded(Budget& budget, const std::string& text, const Spec& spec, char natural) {
  auto size = static_cast<int64_t>(count_points(text));
  if (size >= spec.width) return text;
  auto space = static_cast<size_t>(spec.width - size);
  budget.text(space, spec.fill.size());
  auto fill = [&](size_t count) {
    std::string out;
    for (size_t k = 0; k < count; ++k) out += spec.fill;
    return out;
  };
  char align = spec.align ? spec.align : natural;
  if (align == '<') return text + fill(space);
  if (align == '^') return fill(space / 2) + text + fill(space - space / 2);
  if (align == '=') {
    size_t signs = !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ') ? 1 : 0;
    return text.substr(0, signs) + fill(space) + text.substr(signs);
  }
  return fill(space) + text;
}

std::string with_commas(std::string digits) {
  size_t end = digits.find_first_not_of("0123456789");
  if (end == std::string::npos) end = digits.size();
  for (size_t at = end; at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string signed_text(bool negative, char sign, const std::string& digits) {
  return (negative ? "-" : sign == '+' ? "+" : sign == ' ' ? " " : "") + digits;
}

std::string float_text(double value, const Spec& spec) {
  std::string digits;
  bool upper = spec.type == 'E' || spec.type == 'F' || spec.type == 'G';
  if (!std::isfinite(value)) {
    digits = std::isnan(value) ? "nan" : "inf";
    if (upper) digits = temper::jinja::upper(digits);
  } else {
    int precision =
        static_cast<int>(spec.precision < 0 ? 6 : std::min<int64_t>(spec.precision, 400));
    std::string format = std::string("%") + (spec.alternate ? "#" : "") + ".*" +
                         (spec.type == '%' ? 'f' : spec.type);
    double scaled = std::abs(spec.type == '%' ? value * 100 : value);
    char buffer[1024];
    digits.assign(buffer, static_cast<size_t>(std::snprintf(buffer, sizeof buffer, format.c_str(),
                                                            precision, scaled)));
    if (spec.type == '%') digits += '%';
  }
  if (spec.comma) digits = with_commas(digits);
  return signed_text(std::signbit(value) && !std::isnan(value), spec.sign, digits);
}

std::string integer_text(int64_t value, const Spec& spec) {
  uint64_t left = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  unsigned base = spec.type == 'x' || spec.type == 'X' ? 16
                  : spec.type == 'o'                   ? 8
                  : spec.type == 'b'                   ? 2
                                                       : 10;
  // Named: g++ 12 under -fsanitize=undefined indexes a conditional literal wrongly.
  const char* symbols = spec.type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string digits;
  do {
    digits.insert(digits.begin(), symbols[left % base]);
    left /= base;
  } while (left > 0);
  if (spec.comma) digits = with_commas(digits);
  auto wanted = static_cast<size_t>(std::clamp<int64_t>(spec.precision, 0, kWidest));
  if (digits.size() < wanted) digits.insert(0, wanted - digits.size(), '0');
  if (spec.alternate && base != 10) digits.insert(0, std::string("0") + spec.type);
  return signed_text(value < 0, spec.sign, digits);
}

int64_t as_whole(const Value& value) {
  if (value.is_whole()) return value.whole();
  if (value.is(Kind::Float) && std::abs(value.real) < 9.2e18)
    return static_cast<int64_t>(value.real);
  if (value.is(Kind::Undefined)) fail_undefined(value);
  fail("a number is required, not '" + type_name(value) + "'");
}

double as_real(const Value& value) {
  if (value.is(Kind::Undefined)) fail_undefined(value);
  if (!value.is_number()) fail("must be real number, not '" + type_name(value) + "'");
  return value.number();
}

std::string cut(const std::string& text, int64_t points) {
  if (points < 0) return text;
  size_t at = 0;
  for (; points > 0 && at < text.size(); --points) next_point(text, at);
  return text.substr(0, at);
}

// Reads one % directive behind its key; `next` gives the value.
template <class Next>
std::string percent_field(Budget& budget, std::string_view text, size_t& at, bool markup,
                          const Next& next) {
  Spec spec;
  bool zero = false;
  for (; at < text.size() && std::string_view("#0- +").find(text[at]) != std::string_view::npos;
       ++at) {
    if (text[at] == '#') spec.alternate = true;
    if (text[at] == '0') zero = true;
    if (text[at] == '-') spec.align = '<';
    if (text[at] == ' ' && spec.sign != '+') spec.sign = ' ';
    if (text[at] == '+') spec.sign = '+';
  }
  auto count = [&] {
    if (at >= text.size() || text[at] != '*') return read_count(text, at);
    ++at;
    int64_t value = as_whole(next());
    if (value > kWidest || value < -kWidest) fail("a format's width is too large");
    return value;
  };
  spec.width = count();
  if (spec.width < 0) {
    spec.align = '<';
    spec.width = -spec.width;
  }
  if (at < text.size() && text[at] == '.') {
    ++at;
    spec.precision = std::max<int64_t>(count(), 0);
  }
  while (at < text.size() && (text[at] == 'l' || text[at] == 'h' || text[at] == 'L')) ++at;
  if (at >= text.size()) fail("incomplete format");
  spec.type = text[at++];
  if (spec.type == '%') return "%";
  bool number = std::string_view("diuoxXeEfFgG").find(spec.type) != std::string_view::npos;
  if (zero && number && spec.align == 0) {
    spec.fill = "0";
    spec.align = '=';
  }
  switch (spec.type) {
    case 'd':
    case 'i':
    case 'u':
    case 'o':
    case 'x':
    case 'X':
      return padded(budget, integer_text(as_whole(next()), spec), spec, '>');
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      return padded(budget, float_text(as_real(next()), spec), spec, '>');
    case 'c': {
      Value value = next();
      std::string point;
      if (value.is_whole()) {
        if (value.whole() < 0 || value.whole() > 0x10FFFF) fail("%c arg not in range(0x110000)");
        append_point(point, static_cast<char32_t>(value.whole()));
        if (!valid_utf8(point)) fail("%c wants a Unicode character");
      } else {
        point = str(budget, value);
        if (count_points(point) != 1) fail("%c requires int or char");
      }
      return padded(budget, point, spec, '>');
    }
    case 's':
    case 'r': {
      Value value = next();
      std::string shown = spec.type == 's' ? str(budget, value) : repr(budget, value);
      if (markup && !value.markup) shown = escape(budget, make_text(budget, shown)).text();
      return padded(budget, cut(shown, spec.precision), spec, '>');
    }
    default:
      fail(std::string("unsupported format character '") + spec.type + "'");
  }
}

}  // namespace

Value percent(Budget& budget, const Value& subject, const Value& values) {
  std::string_view text = subject.text();
  bool tuple = values.is(Kind::Tuple);
  size_t used = 0, total = tuple ? values.as<Seq>().items.size() : 1;
  auto next = [&]() -> Value {
    if (used >= total) fail("not enough arguments for format string");
    ++used;
    return tuple ? values.as<Seq>().items[used - 1] : values;
  };
  std::string out;
  bool named = false;
  for (size_t at = 0; at < text.size();) {
    budget.room(out.size());
    if (text[at] != '%') {
      out += text[at++];
      continue;
    }
    budget.spend();
    ++at;
    if (at < text.size() && text[at] == '(') {
      size_t end = text.find(')', at);
      if (end == std::string_view::npos) fail("incomplete format key");
      if (!values.is(Kind::Dict)) fail("format requires a mapping");
      Value key = make_text(budget, std::string(text.substr(at + 1, end - at - 1)));
      const Value* found = find(budget, values.as<Dict>(), key);
      if (!found) fail("the format names the key " + repr(budget, key) + ", which is not there");
      at = end + 1;
      named = true;
      out += percent_field(budget, text, at, subject.markup, [&] { return *found; });
    } else {
      out += percent_field(budget, text, at, subject.markup, next);
    }
  }
  bool leftover = tuple ? used < total
                        : used == 0 && !named && !values.is(Kind::Dict) && !values.is(Kind::List);
  if (leftover) fail("not all arguments converted during string formatting");
  return make_text(budget, std::move(out), subject.markup);
}

namespace {

Spec read_spec(std::string_view text) {
  Spec spec;
  size_t at = 0, first = 0;
  constexpr std::string_view kAligns = "<>^=";
  if (!text.empty()) next_point(text, first);
  if (first < text.size() && first > 0 && kAligns.find(text[first]) != std::string_view::npos) {
    spec.fill = std::string(text.substr(0, first));
    spec.align = text[first];
    at = first + 1;
  } else if (!text.empty() && kAligns.find(text[0]) != std::string_view::npos) {
    spec.align = text[0];
    at = 1;
  }
  if (at < text.size() && (text[at] == '+' || text[at] == '-' || text[at] == ' '))
    spec.sign = text[at++];
  if (at < text.size() && text[at] == '#') {
    spec.alternate = true;
    ++at;
  }
  if (at < text.size() && text[at] == '0') {
    if (spec.align == 0) {
      spec.fill = "0";
      spec.align = '=';
    }
    ++at;
  }
  spec.width = read_count(text, at);
  if (at < text.size() && text[at] == ',') {
    spec.comma = true;
    ++at;
  }
  if (at < text.size() && text[at] == '.') spec.precision = read_count(text, ++at);
  if (at < text.size()) spec.type = text[at++];
  if (at < text.size()) fail("invalid format specifier '" + std::string(text) + "'");
  return spec;
}

std::string formatted(Budget& budget, const Value& value, std::string_view text) {
  if (text.empty()) return str(budget, value);
  Spec spec = read_spec(text);
  if (value.is(Kind::Str)) {
    if (spec.type != 0 && spec.type != 's') fail("unknown format code for a text");
    return padded(budget, cut(value.text(), spec.precision), spec, '<');
  }
  if (!value.is_number()) fail("unsupported format string passed to '" + type_name(value) + "'");
  bool real =
      spec.type != 0 && std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos;
  bool whole = value.is_whole() && (spec.type == 0 || std::string_view("dxXob").find(spec.type) !=
                                                          std::string_view::npos);
  if (whole) return padded(budget, integer_text(value.whole(), spec), spec, '>');
  if (!real && spec.type != 0) fail("unknown format code for a number");
  if (!real && spec.precision < 0) return padded(budget, repr_double(value.number()), spec, '>');
  if (!real) spec.type = 'g';
  return padded(budget, float_text(value.number(), spec), spec, '>');
}

// `0.name[key]` looked up among the arguments.
Value field(Budget& budget, std::string_view name, const Args& args, size_t& automatic) {
  size_t end = std::min(name.find('.'), name.find('['));
  std::string_view first = name.substr(0, end),
                   rest = end == std::string_view::npos ? "" : name.substr(end);
  Value value;
  auto number = parse_integer(first, 10);
  if (first.empty() || number) {
    size_t k = first.empty() ? automatic++ : static_cast<size_t>(*number);
    if (k >= args.positional.size())
      fail("Replacement index " + std::to_string(k) + " out of range");
    value = args.positional[k];
  } else {
    auto found = std::find_if(args.keyword.begin(), args.keyword.end(),
                              [&](const auto& pair) { return pair.first == first; });
    if (found == args.keyword.end())
      fail("the format names '" + std::string(first) + "', which is not given");
    value = found->second;
  }
  while (!rest.empty()) {
    bool attribute = rest[0] == '.';
    size_t stop = attribute ? rest.find_first_of(".[", 1) : rest.find(']');
    if (!attribute && stop == std::string_view::npos) fail("Missing ']' in format string");
    std::string key(rest.substr(1, stop == std::string_view::npos ? stop : stop - 1));
    auto index = attribute ? std::nullopt : parse_integer(key, 10);
    value = attribute ? get_attribute(budget, value, key)
                      : get_item(budget, value, index ? Value::of(*index) : make_text(budget, key));
    rest = stop == std::string_view::npos ? "" : rest.substr(attribute ? stop : stop + 1);
  }
  return value;
}

}  // namespace

Value braces(Budget& budget, const Value& subject, const Args& args) {
  std::string_view text = subject.text();
  std::string out;
  size_t automatic = 0;
  for (size_t at = 0; at < text.size();) {
    budget.room(out.size());
    char c = text[at++];
    if (c != '{' && c != '}') {
      out += c;
      continue;
    }
    if (at < text.size() && text[at] == c) {
      out += c;
      ++at;
      continue;
    }
    budget.spend();
    size_t end = text.find('}', at);
    if (c == '}' || end == std::string_view::npos)
      fail(std::string("Single '") + c + "' encountered in format string");
    std::string_view inside = text.substr(at, end - at);
    if (inside.find('{') != std::string_view::npos) fail("nested format fields are not supported");
    at = end + 1;
    size_t colon = inside.find(':');
    std::string_view spec = colon == std::string_view::npos ? "" : inside.substr(colon + 1);
    std::string_view name = inside.substr(0, colon);
    char conversion = 0;
    if (name.size() >= 2 && name[name.size() - 2] == '!') {
      conversion = name.back();
      name.remove_suffix(2);
    }
    Value value = field(budget, name, args, automatic);
    if (conversion == 'r')
      value = make_text(budget, repr(budget, value));
    else if (conversion == 's')
      value = make_text(budget, str(budget, value));
    else if (conversion != 0)
      fail("unknown conversion specifier in a format");
    std::string shown = formatted(budget, value, spec);
    out +=
        subject.markup && !value.markup ? escape(budget, make_text(budget, shown)).text() : shown;
  }
  return make_text(budget, std::move(out), subject.markup);
}

}  // namespace temper::jinja
