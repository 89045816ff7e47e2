// str() and repr() as Python prints them.
#include <charconv>
#include <cmath>

#include "temper/language/template/loop.h"
#include "temper/language/template/unicode.h"
#include "temper/language/template/value.h"

namespace temper::jinja {
namespace {

void append_escape(std::string& out, char32_t point) {
  const char* digits = "0123456789abcdef";
  int width = point < 0x100 ? 2 : point < 0x10000 ? 4 : 8;
  out += width == 2 ? "\\x" : width == 4 ? "\\u" : "\\U";
  for (int k = width - 1; k >= 0; --k) out += digits[point >> (4 * k) & 15];
}

void repr_text(std::string& out, std::string_view text) {
  bool single = text.find('\'') == std::string_view::npos,
       twice = text.find('"') != std::string_view::npos;
  char quote = single || twice ? '\'' : '"';
  out += quote;
  for (size_t at = 0; at < text.size();) {
    char32_t point = next_point(text, at);
    if (point == static_cast<unsigned char>(quote) || point == U'\\') {
      out += '\\';
      out += static_cast<char>(point);
    } else if (point == U'\n') {
      out += "\\n";
    } else if (point == U'\r') {
      out += "\\r";
    } else if (point == U'\t') {
      out += "\\t";
    } else if (is_printable(point)) {
      append_point(out, point);
    } else {
      append_escape(out, point);
    }
  }
  out += quote;
}

void append_repr(Budget& budget, std::string& out, const Value& value);

void append_items(Budget& budget, std::string& out, const std::vector<Value>& items) {
  for (size_t k = 0; k < items.size(); ++k) {
    if (k > 0) out += ", ";
    append_repr(budget, out, items[k]);
  }
}

void append_dict(Budget& budget, std::string& out, const Dict& dict) {
  out += '{';
  for (size_t k = 0; k < dict.items.size(); ++k) {
    if (k > 0) out += ", ";
    append_repr(budget, out, dict.items[k].first);
    out += ": ";
    append_repr(budget, out, dict.items[k].second);
  }
  out += '}';
}

void append_view(Budget& budget, std::string& out, const Value& value) {
  auto what = value.as<View>().what;
  out += what == View::What::Keys     ? "dict_keys(["
         : what == View::What::Values ? "dict_values(["
                                      : "dict_items([";
  append_items(budget, out, iterate(budget, value));
  out += "])";
}

void append_namespace(Budget& budget, std::string& out, const Namespace& space) {
  out += "<Namespace {";
  for (size_t k = 0; k < space.attributes.size(); ++k) {
    if (k > 0) out += ", ";
    repr_text(out, space.attributes[k].first);
    out += ": ";
    append_repr(budget, out, space.attributes[k].second);
  }
  out += "}>";
}

void append_range(std::string& out, const Range& range) {
  out += "range(" + std::to_string(range.start) + ", " + std::to_string(range.stop);
  if (range.step != 1) out += ", " + std::to_string(range.step);
  out += ')';
}

void append_repr(Budget& budget, std::string& out, const Value& value) {
  budget.spend();
  budget.room(out.size());
  Level level(budget.depth, kDeepestValue);
  switch (value.kind) {
    case Kind::Undefined:
      out += "Undefined";
      break;
    case Kind::None:
      out += "None";
      break;
    case Kind::Bool:
      out += value.boolean ? "True" : "False";
      break;
    case Kind::Int:
      out += std::to_string(value.integer);
      break;
    case Kind::Float:
      out += repr_double(value.real);
      break;
    case Kind::Str:
      budget.text(value.text().size());
      if (value.markup) out += "Markup(";
      repr_text(out, value.text());
      if (value.markup) out += ')';
      break;
    case Kind::List:
      out += '[';
      append_items(budget, out, value.as<Seq>().items);
      out += ']';
      break;
    case Kind::Tuple:
      out += '(';
      append_items(budget, out, value.as<Seq>().items);
      out += value.as<Seq>().items.size() == 1 ? ",)" : ")";
      break;
    case Kind::Dict:
      append_dict(budget, out, value.as<Dict>());
      break;
    case Kind::Range:
      append_range(out, value.as<Range>());
      break;
    case Kind::View:
      append_view(budget, out, value);
      break;
    case Kind::Namespace:
      append_namespace(budget, out, value.as<Namespace>());
      break;
    case Kind::Loop:
      out += "<LoopContext " + std::to_string(value.as<Loop>().index0 + 1) + "/" +
             std::to_string(value.as<Loop>().count()) + ">";
      break;
    case Kind::Callable:
      if (value.as<Callable>().type == "jinja2.runtime.Macro object") {
        out += "<Macro '" + value.as<Callable>().name + "'>";
        break;
      }
      [[fallthrough]];
    case Kind::Iterator:
    case Kind::Cycler:
      fail("printing a '" + type_name(value) + "' would print an address; use |list or call it");
  }
}

// 1.5e-07 from digits and exponent: Python writes an exponent below 1e-4 and from 1e16.
std::string python_double(std::string_view digits, int exponent, bool negative) {
  std::string out = negative ? "-" : "";
  auto size = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (size > 1) out.append(".").append(digits.substr(1));
    std::string power = std::to_string(std::abs(exponent));
    return out + (exponent < 0 ? "e-" : "e+") + (power.size() < 2 ? "0" : "") + power;
  }
  if (exponent < 0) {
    out += "0." + std::string(static_cast<size_t>(-exponent - 1), '0');
    return out.append(digits);
  }
  if (exponent + 1 >= size) {
    out.append(digits);
    return out + std::string(static_cast<size_t>(exponent + 1 - size), '0') + ".0";
  }
  out.append(digits.substr(0, static_cast<size_t>(exponent) + 1)) += '.';
  return out.append(digits.substr(static_cast<size_t>(exponent) + 1));
}

}  // namespace

std::string repr_double(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  char buffer[40];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, std::abs(number),
                           std::chars_format::scientific);
  std::string_view text(buffer, static_cast<size_t>(end.ptr - buffer));
  size_t e = text.find('e');
  std::string digits(1, text[0]);
  if (e > 2) digits.append(text.substr(2, e - 2));
  return python_double(digits, std::atoi(std::string(text.substr(e + 1)).c_str()),
                       std::signbit(number));
}

std::string str(Budget& budget, const Value& value) {
  if (value.is(Kind::Str)) return value.text();
  if (value.is(Kind::Undefined)) return "";
  return repr(budget, value);
}

std::string repr(Budget& budget, const Value& value) {
  std::string out;
  append_repr(budget, out, value);
  budget.room(out.size());
  return out;
}

Value soft_str(Budget& budget, const Value& value) {
  return value.is(Kind::Str) ? value : make_text(budget, str(budget, value));
}

Value escape(Budget& budget, const Value& value) {
  if (value.markup) return value;
  std::string out;
  for (char c : str(budget, value)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return make_text(budget, std::move(out), /*markup=*/true);
}

}  // namespace temper::jinja
