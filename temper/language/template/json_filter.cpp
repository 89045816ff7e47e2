// tojson as transformers defines it: json.dumps with ensure_ascii off and nothing escaped for HTML.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "temper/language/template/call.h"
#include "temper/language/template/filter.h"
#include "temper/language/template/interpreter.h"
#include "temper/language/template/unicode.h"

namespace temper::jinja {
namespace {

struct Style {
  bool ascii = false;
  bool sorted = false;
  std::optional<std::string> indent;  ///< of one level; absent: one line
  std::string item = ", ", key = ": ";
};

class Writer {
 public:
  Writer(Budget& budget, const Style& style) : budget_(budget), style_(style) {}

  std::string out;

  void write(const Value& value) {
    budget_.spend();
    budget_.room(out.size());
    Level level(budget_.depth, kDeepestValue);
    switch (value.kind) {
      case Kind::None:
        out += "null";
        break;
      case Kind::Bool:
        out += value.boolean ? "true" : "false";
        break;
      case Kind::Int:
        out += std::to_string(value.integer);
        break;
      case Kind::Float:
        out += number(value.real);
        break;
      case Kind::Str:
        quote(value.text());
        break;
      case Kind::List:
      case Kind::Tuple:
        array(value.as<Seq>().items);
        break;
      case Kind::Dict:
        object(value.as<Dict>());
        break;
      default: {
        std::string type = value.is(Kind::Undefined) ? "Undefined" : type_name(value);
        fail("Object of type " + type + " is not JSON serializable");
      }
    }
  }

 private:
  static std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return repr_double(value);
  }

  void unit(unsigned value) {
    char buffer[8];
    out.append(buffer, static_cast<size_t>(std::snprintf(buffer, sizeof buffer, "\\u%04x", value)));
  }

  void quote(std::string_view text) {
    budget_.text(text.size());
    out += '"';
    for (size_t at = 0; at < text.size();) {
      char32_t point = next_point(text, at);
      constexpr std::string_view kSpecial = "\"\\\n\r\t\b\f", kLetters = "\"\\nrtbf";
      size_t special =
          point < 128 ? kSpecial.find(static_cast<char>(point)) : std::string_view::npos;
      if (special != std::string_view::npos) {
        out += '\\';
        out += kLetters[special];
      } else if (point < 32 || (style_.ascii && point > 126 && point < 0x10000)) {
        unit(point);
      } else if (style_.ascii && point > 126) {
        unit(0xD800 + ((point - 0x10000) >> 10));
        unit(0xDC00 + ((point - 0x10000) & 0x3FF));
      } else {
        append_point(out, point);
      }
    }
    out += '"';
  }

  void line(int level) {
    if (!style_.indent) return;
    budget_.text(style_.indent->size(), static_cast<size_t>(level));
    out += '\n';
    for (int k = 0; k < level; ++k) out += *style_.indent;
    budget_.room(out.size());
  }

  void array(const std::vector<Value>& items) {
    out += '[';
    ++level_;
    for (size_t k = 0; k < items.size(); ++k) {
      if (k > 0) out += style_.item;
      line(level_);
      write(items[k]);
    }
    --level_;
    if (!items.empty()) line(level_);
    out += ']';
  }

  void key(const Value& value) {
    if (value.is(Kind::Str)) return quote(value.text());
    if (value.is(Kind::Bool)) return quote(value.boolean ? "true" : "false");
    if (value.is(Kind::None)) return quote("null");
    if (value.is(Kind::Int)) return quote(std::to_string(value.integer));
    if (value.is(Kind::Float)) return quote(number(value.real));
    fail("keys must be str, int, float, bool or None, not " + type_name(value));
  }

  void object(const Dict& dict) {
    auto rows = dict.items;
    if (style_.sorted) {
      std::stable_sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
        return ordered(budget_, Order::Less, a.first, b.first);
      });
    }
    out += '{';
    ++level_;
    for (size_t k = 0; k < rows.size(); ++k) {
      if (k > 0) out += style_.item;
      line(level_);
      key(rows[k].first);
      out += style_.key;
      write(rows[k].second);
    }
    --level_;
    if (!rows.empty()) line(level_);
    out += '}';
  }

  Budget& budget_;
  const Style& style_;
  int level_ = 0;
};

}  // namespace

Value to_json(Interpreter& run, const Value& value, Args& args) {
  Bound bound("tojson", args, {"ensure_ascii", "indent", "separators", "sort_keys"});
  Style style{.ascii = bound.flag(0, false), .sorted = bound.flag(3, false), .indent = {}};
  if (const Value* indent = bound.given(1)) {
    if (indent->is(Kind::Str)) {
      style.indent = indent->text();
    } else {
      int64_t width = std::max<int64_t>(bound.whole(1, 0), 0);
      run.budget.text(1, static_cast<size_t>(width));
      style.indent.emplace(static_cast<size_t>(width), ' ');
    }
    style.item = ",";
  }
  if (const Value* separators = bound.given(2)) {
    std::vector<Value> both = iterate(run.budget, *separators);
    if (both.size() != 2 || !both[0].is(Kind::Str) || !both[1].is(Kind::Str))
      fail("separators must be two texts");
    style.item = both[0].text();
    style.key = both[1].text();
  }
  Writer writer(run.budget, style);
  writer.write(value);
  return make_text(run.budget, std::move(writer.out));
}

}  // namespace temper::jinja
