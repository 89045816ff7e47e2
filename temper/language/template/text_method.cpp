// The methods of str. Those that return text keep Markup what it is.
#include <algorithm>
#include <optional>

#include "temper/language/template/call.h"
#include "temper/language/template/interpreter.h"
#include "temper/language/template/operation.h"
#include "temper/language/template/unicode.h"

namespace temper::jinja {
namespace {

Value like(Interpreter& run, const Value& self, std::string text) {
  return make_text(run.budget, std::move(text), self.markup);
}

using Mapping = std::string (*)(std::string_view);

template <Mapping map>
Value mapped(Interpreter& run, const Value& self, Args& args) {
  Bound bound("this method of str", args, {});
  run.budget.text(self.text().size());
  return like(run, self, map(self.text()));
}

template <bool left, bool right>
Value strip(Interpreter& run, const Value& self, Args& args) {
  Bound bound("strip", args, {"chars"});
  std::u32string chars;
  bool space = !bound.given(0);
  if (!space) chars = to_points(bound.text(0));
  auto drops = [&](char32_t point) {
    return space ? is_space(point) : chars.find(point) != std::u32string::npos;
  };
  std::string_view text = self.text();
  run.budget.text(text.size());
  size_t begin = 0, end = text.size();
  while (left && begin < end) {
    size_t next = begin;
    if (!drops(next_point(text, next))) break;
    begin = next;
    run.budget.spend(chars.size() / 64);
  }
  while (right && end > begin) {
    size_t last = end - 1;
    while (last > begin && (text[last] & 0xC0) == 0x80) --last;
    size_t at = last;
    if (!drops(next_point(text, at))) break;
    end = last;
    run.budget.spend(chars.size() / 64);
  }
  return like(run, self, std::string(text.substr(begin, end - begin)));
}

Value pieces(Interpreter& run, const Value& self, const std::vector<std::string_view>& parts) {
  std::vector<Value> items;
  for (std::string_view part : parts) items.push_back(like(run, self, std::string(part)));
  return make_list(run.budget, std::move(items));
}

// Splits at runs of white space; `most` < 0: no limit.
std::vector<std::string_view> words(std::string_view text, int64_t most, bool from_right) {
  std::vector<std::string_view> parts;
  std::vector<std::pair<size_t, size_t>> found;  // byte ranges of the words
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    if (is_space(next_point(text, at))) continue;
    size_t end = at;
    while (at < text.size()) {
      size_t next = at;
      if (is_space(next_point(text, next))) break;
      end = at = next;
    }
    found.emplace_back(begin, end);
  }
  auto count = static_cast<int64_t>(found.size());
  if (most < 0 || most >= count) {
    for (auto [begin, end] : found) parts.push_back(text.substr(begin, end - begin));
  } else if (!from_right) {  // the rest keeps the white space at its end
    for (int64_t k = 0; k < most; ++k)
      parts.push_back(text.substr(found[k].first, found[k].second - found[k].first));
    parts.push_back(text.substr(found[most].first));
  } else {
    parts.push_back(text.substr(0, found[count - most - 1].second));
    for (int64_t k = count - most; k < count; ++k)
      parts.push_back(text.substr(found[k].first, found[k].second - found[k].first));
  }
  return parts;
}

template <bool from_right>
Value split(Interpreter& run, const Value& self, Args& args) {
  Bound bound("split", args, {"sep", "maxsplit"});
  int64_t most = bound.whole(1, -1);
  std::string_view text = self.text();
  run.budget.text(text.size());
  if (!bound.given(0)) return pieces(run, self, words(text, most, from_right));
  const std::string& mark = bound.text(0);
  if (mark.empty()) fail("empty separator");
  std::vector<std::string_view> parts;
  while (most < 0 || static_cast<int64_t>(parts.size()) < most) {
    size_t at = from_right ? text.rfind(mark) : text.find(mark);
    if (at == std::string_view::npos) break;
    run.budget.spend();
    parts.push_back(from_right ? text.substr(at + mark.size()) : text.substr(0, at));
    text = from_right ? text.substr(0, at) : text.substr(at + mark.size());
  }
  parts.push_back(text);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return pieces(run, self, parts);
}

Value split_lines(Interpreter& run, const Value& self, Args& args) {
  Bound bound("splitlines", args, {"keepends"});
  bool keep = bound.flag(0, false);
  std::string_view text = self.text();
  std::vector<std::string_view> parts;
  for (size_t at = 0, begin = 0; at < text.size();) {
    size_t end = at;
    char32_t point = next_point(text, at);
    if (is_line_break(point)) {
      if (point == U'\r' && at < text.size() && text[at] == '\n') ++at;
    } else if (at < text.size()) {
      continue;
    } else {
      end = at;
    }
    run.budget.spend();
    parts.push_back(text.substr(begin, (keep ? at : end) - begin));
    begin = at;
  }
  return pieces(run, self, parts);
}

// Code points [start, end) of the text as bytes; nothing if start lies behind the text.
std::optional<std::string_view> window(Budget& budget, std::string_view text, const Bound& bound,
                                       size_t first, int64_t& start_point) {
  budget.spend(text.size() / 64);
  auto size = static_cast<int64_t>(count_points(text));
  auto point = [&](size_t k, int64_t fallback) {
    if (!bound.given(k)) return fallback;
    int64_t at = bound.whole(k, 0);
    return at < 0 ? std::max<int64_t>(at + size, 0) : at;
  };
  int64_t start = point(first, 0), end = std::min(point(first + 1, size), size);
  start_point = start;
  if (start > size || start > end) return {};
  size_t begin = 0;
  for (int64_t k = 0; k < start; ++k) next_point(text, begin);
  size_t stop = begin;
  for (int64_t k = start; k < end; ++k) next_point(text, stop);
  return text.substr(begin, stop - begin);
}

template <bool at_end>
Value affix(Interpreter& run, const Value& self, Args& args) {
  Bound bound(at_end ? "endswith" : "startswith", args, {"prefix", "start", "end"}, 1);
  int64_t start = 0;
  auto text = window(run.budget, self.text(), bound, 1, start);
  auto matches = [&](const Value& affix) {
    if (!affix.is(Kind::Str)) fail("startswith and endswith want a text or a tuple of texts");
    const std::string& want = affix.text();
    if (!text || want.size() > text->size()) return false;
    return text->substr(at_end ? text->size() - want.size() : 0, want.size()) == want;
  };
  if (!bound.need(0).is(Kind::Tuple)) return Value::of(matches(bound.need(0)));
  const auto& many = bound.need(0).as<Seq>().items;
  run.budget.spend(many.size());
  return Value::of(std::any_of(many.begin(), many.end(), matches));
}

template <bool last, bool must>
Value search(Interpreter& run, const Value& self, Args& args) {
  Bound bound("find", args, {"sub", "start", "end"}, 1);
  const std::string& wanted = bound.text(0);
  int64_t start = 0;
  auto text = window(run.budget, self.text(), bound, 1, start);
  size_t at = !text ? std::string_view::npos : last ? text->rfind(wanted) : text->find(wanted);
  if (at == std::string_view::npos) {
    if (must) fail("substring not found");
    return Value::of(int64_t{-1});
  }
  return Value::of(start + static_cast<int64_t>(count_points(text->substr(0, at))));
}

Value count(Interpreter& run, const Value& self, Args& args) {
  Bound bound("count", args, {"sub", "start", "end"}, 1);
  const std::string& wanted = bound.text(0);
  int64_t start = 0, found = 0;
  auto text = window(run.budget, self.text(), bound, 1, start);
  if (!text) return Value::of(found);
  if (wanted.empty()) return Value::of(static_cast<int64_t>(count_points(*text)) + 1);
  for (size_t at = 0; (at = text->find(wanted, at)) != std::string_view::npos; at += wanted.size())
    ++found;
  return Value::of(found);
}

Value replace(Interpreter& run, const Value& self, Args& args) {
  Bound bound("replace", args, {"old", "new", "count"}, 2);
  bound.text(1);
  return make_text(run.budget,
                   replaced(run.budget, self.text(), bound.text(0),
                            self.markup ? escape(run.budget, bound.need(1)).text() : bound.text(1),
                            bound.whole(2, -1)),
                   self.markup);
}

Value join(Interpreter& run, const Value& self, Args& args) {
  Bound bound("join", args, {"iterable"}, 1);
  if (bound.need(0).is(Kind::Undefined)) return like(run, self, "");
  std::string out;
  bool first = true;
  for (const Value& item : iterate(run.budget, bound.need(0))) {
    if (!self.markup && !item.is(Kind::Str))
      fail("join() wants texts, found '" + type_name(item) + "'");
    if (!std::exchange(first, false)) out += self.text();
    out += self.markup ? escape(run.budget, item).text() : item.text();
    run.budget.text(item.is(Kind::Str) ? item.text().size() : 0);
    run.budget.room(out.size());
  }
  return like(run, self, std::move(out));
}

template <bool prefix>
Value remove_affix(Interpreter& run, const Value& self, Args& args) {
  Bound bound(prefix ? "removeprefix" : "removesuffix", args, {"affix"}, 1);
  const std::string &text = self.text(), &affix = bound.text(0);
  if (affix.size() > text.size()) return self;
  size_t at = prefix ? 0 : text.size() - affix.size();
  if (affix.empty() || text.compare(at, affix.size(), affix) != 0) return self;
  return like(run, self, prefix ? text.substr(affix.size()) : text.substr(0, at));
}

template <bool last>
Value partition(Interpreter& run, const Value& self, Args& args) {
  Bound bound("partition", args, {"sep"}, 1);
  const std::string &text = self.text(), &mark = bound.text(0);
  if (mark.empty()) fail("empty separator");
  size_t at = last ? text.rfind(mark) : text.find(mark);
  Value none = like(run, self, "");
  if (at == std::string::npos)
    return make_tuple(run.budget,
                      last ? std::vector{none, none, self} : std::vector{self, none, none});
  return make_tuple(run.budget, {like(run, self, text.substr(0, at)), like(run, self, mark),
                                 like(run, self, text.substr(at + mark.size()))});
}

template <char align>
Value justify(Interpreter& run, const Value& self, Args& args) {
  Bound bound("justify", args, {"width", "fillchar"}, 1);
  std::string fill = bound.get(1) ? bound.text(1) : " ";
  if (count_points(fill) != 1) fail("The fill character must be exactly one character long");
  return make_text(run.budget, justified(run.budget, self.text(), bound.whole(0, 0), align, fill),
                   self.markup);
}

Value zfill(Interpreter& run, const Value& self, Args& args) {
  Bound bound("zfill", args, {"width"}, 1);
  const std::string& text = self.text();
  size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  int64_t width = bound.whole(0, 0);
  if (width < INT64_MIN + 1) width = 0;
  return like(run, self,
              text.substr(0, sign) + justified(run.budget, text.substr(sign),
                                               width - static_cast<int64_t>(sign), '>', "0"));
}

using Class = bool (*)(char32_t);

// Every character of the class, and at least one (ASCII and printable: or none).
template <Class test, bool empty_counts>
Value all_of(Interpreter& run, const Value& self, Args& args) {
  Bound bound("this method of str", args, {});
  std::string_view text = self.text();
  run.budget.spend(text.size() / 64);
  for (size_t at = 0; at < text.size();) {
    if (!test(next_point(text, at))) return Value::of(false);
  }
  return Value::of(empty_counts || !text.empty());
}

bool is_alnum(char32_t point) {
  return is_alpha(point) || is_numeric(point);
}
bool is_basic(char32_t point) {
  return point < 128;
}

template <bool upper_case>
Value is_case(Interpreter& run, const Value& self, Args& args) {
  Bound bound("this method of str", args, {});
  run.budget.spend(self.text().size() / 64);
  return Value::of(upper_case ? is_upper_text(self.text()) : is_lower_text(self.text()));
}

Value format(Interpreter& run, const Value& self, Args& args) {
  return braces(run.budget, self, args);
}

Value is_title(Interpreter& run, const Value& self, Args& args) {
  Bound bound("istitle", args, {});
  run.budget.spend(self.text().size() / 64);
  return Value::of(self.text() == title(self.text()) && lower(self.text()) != upper(self.text()));
}

constexpr std::pair<std::string_view, Method> kMethods[] = {
    {"strip", strip<true, true>},
    {"lstrip", strip<true, false>},
    {"rstrip", strip<false, true>},
    {"upper", mapped<upper>},
    {"lower", mapped<lower>},
    {"title", mapped<title>},
    {"capitalize", mapped<capitalize>},
    {"swapcase", mapped<swapcase>},
    {"casefold", mapped<casefold>},
    {"split", split<false>},
    {"rsplit", split<true>},
    {"splitlines", split_lines},
    {"startswith", affix<false>},
    {"endswith", affix<true>},
    {"find", search<false, false>},
    {"rfind", search<true, false>},
    {"index", search<false, true>},
    {"rindex", search<true, true>},
    {"count", count},
    {"replace", replace},
    {"join", join},
    {"format", format},
    {"removeprefix", remove_affix<true>},
    {"removesuffix", remove_affix<false>},
    {"partition", partition<false>},
    {"rpartition", partition<true>},
    {"ljust", justify<'<'>},
    {"rjust", justify<'>'>},
    {"center", justify<'^'>},
    {"zfill", zfill},
    {"isalpha", all_of<is_alpha, false>},
    {"isdigit", all_of<is_digit, false>},
    {"isdecimal", all_of<is_decimal, false>},
    {"isnumeric", all_of<is_numeric, false>},
    {"isalnum", all_of<is_alnum, false>},
    {"isspace", all_of<is_space, false>},
    {"isascii", all_of<is_basic, true>},
    {"isprintable", all_of<is_printable, true>},
    {"islower", is_case<false>},
    {"isupper", is_case<true>},
    {"istitle", is_title}};

}  // namespace

Method find_text_method(std::string_view name) {
  for (const auto& [have, method] : kMethods) {
    if (have == name) return method;
  }
  return nullptr;
}

}  // namespace temper::jinja
