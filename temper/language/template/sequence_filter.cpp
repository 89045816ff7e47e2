// Filters that work on sequences and mappings. Those that are generators in Jinja give an Iterator,
// which is true even when empty and can be walked once.
#include <algorithm>
#include <optional>

#include "temper/language/template/call.h"
#include "temper/language/template/filter.h"
#include "temper/language/template/interpreter.h"
#include "temper/language/template/literal.h"
#include "temper/language/template/operation.h"
#include "temper/language/template/unicode.h"

namespace temper::jinja {
namespace {

// "address.city.0" as jinja2.filters.make_attrgetter reads it.
class Path {
 public:
  Path(Interpreter& run, const Value* attribute) {
    if (!attribute || attribute->is(Kind::None)) return;
    if (!attribute->is(Kind::Str)) {
      parts_.push_back(*attribute);
      return;
    }
    std::string_view left = attribute->text();
    while (true) {
      std::string_view part = left.substr(0, left.find('.'));
      bool digits = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
      auto number = digits ? parse_integer(part, 10) : std::nullopt;
      parts_.push_back(number ? Value::of(*number) : make_text(run.budget, std::string(part)));
      if (part.size() == left.size()) break;
      left.remove_prefix(part.size() + 1);
    }
  }

  Value of(Interpreter& run, Value item, const Value* fallback = nullptr) const {
    for (const Value& part : parts_) {
      item = get_item(run.budget, item, part);
      if (fallback && item.is(Kind::Undefined)) item = *fallback;
    }
    return item;
  }

 private:
  std::vector<Value> parts_;
};

Value folded(Interpreter& run, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.is(Kind::Str)) return value;
  return make_text(run.budget, lower(value.text()));
}

using Keyed = std::vector<std::pair<Value, Value>>;

void sort_keyed(Interpreter& run, Keyed& rows, bool reverse) {
  // Python's sorted(reverse=True) keeps equal elements in order, too.
  std::stable_sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
    return reverse ? ordered(run.budget, Order::Less, b.first, a.first)
                   : ordered(run.budget, Order::Less, a.first, b.first);
  });
}

std::vector<Value> seconds(const Keyed& rows) {
  std::vector<Value> items;
  for (const auto& row : rows) items.push_back(row.second);
  return items;
}

Value sort(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("sort", args, {"reverse", "case_sensitive", "attribute"});
  bool exact = bound.flag(1, false);
  std::vector<Path> paths;
  const Value* attribute = bound.given(2);
  if (attribute && attribute->is(Kind::Str)) {
    Args comma{{make_text(run.budget, ",")}, {}};
    Value names = find_text_method("split")(run, *attribute, comma);
    for (const Value& name : names.as<Seq>().items) paths.emplace_back(run, &name);
  } else {
    paths.emplace_back(run, attribute);
  }
  Keyed rows;
  for (const Value& item : iterate(run.budget, subject)) {
    std::vector<Value> key;
    for (const Path& path : paths) key.push_back(folded(run, path.of(run, item), exact));
    rows.emplace_back(make_list(run.budget, std::move(key)), item);
  }
  sort_keyed(run, rows, bound.flag(0, false));
  return make_list(run.budget, seconds(rows));
}

Value dict_sort(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("dictsort", args, {"case_sensitive", "by", "reverse"});
  std::string by = bound.get(1) ? bound.text(1) : "key";
  if (by != "key" && by != "value") fail("You can only sort by either \"key\" or \"value\"");
  if (subject.is(Kind::Undefined)) fail_undefined(subject);
  if (!subject.is(Kind::Dict)) fail("dictsort wants a mapping, got '" + type_name(subject) + "'");
  Keyed rows;
  for (const auto& [key, value] : subject.as<Dict>().items) {
    rows.emplace_back(folded(run, by == "key" ? key : value, bound.flag(0, false)),
                      make_tuple(run.budget, {key, value}));
  }
  sort_keyed(run, rows, bound.flag(2, false));
  return make_list(run.budget, seconds(rows));
}

Value group_by(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("groupby", args, {"attribute", "default", "case_sensitive"}, 1);
  Path path(run, bound.get(0));
  bool exact = bound.flag(2, false);
  Keyed rows;
  for (const Value& item : iterate(run.budget, subject)) {
    rows.emplace_back(folded(run, path.of(run, item, bound.given(1)), exact), item);
  }
  sort_keyed(run, rows, false);
  std::vector<Value> groups;
  for (size_t k = 0; k < rows.size();) {
    std::vector<Value> items;
    size_t first = k;
    for (; k < rows.size() && equal(run.budget, rows[k].first, rows[first].first); ++k)
      items.push_back(rows[k].second);
    if (items.empty()) items.push_back(rows[k++].second);  // a key that is not even equal to itself
    Value key = path.of(run, items[0], bound.given(1));
    Value group = make_tuple(run.budget, {key, make_list(run.budget, std::move(items))});
    group.as<Seq>().group = true;
    groups.push_back(std::move(group));
  }
  return make_list(run.budget, std::move(groups));
}

Value unique(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("unique", args, {"case_sensitive", "attribute"});
  Path path(run, bound.given(1));
  Value seen = make_dict(run.budget, {});
  std::vector<Value> items;
  for (const Value& item : iterate(run.budget, subject)) {
    Value key = folded(run, path.of(run, item), bound.flag(0, false));
    if (find(run.budget, seen.as<Dict>(), key)) continue;
    put(run.budget, seen.as<Dict>(), key, Value::none());
    items.push_back(item);
  }
  return make_iterator(run.budget, std::move(items));
}

template <Order order>
Value extreme(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("min or max", args, {"case_sensitive", "attribute"});
  Path path(run, bound.given(1));
  std::optional<std::pair<Value, Value>> best;
  for (const Value& item : iterate(run.budget, subject)) {
    Value key = folded(run, path.of(run, item), bound.flag(0, false));
    if (!best || ordered(run.budget, order, key, best->first)) best.emplace(key, item);
  }
  return best ? best->second : undefined("No aggregated item, sequence was empty.");
}

Value sum(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("sum", args, {"attribute", "start"});
  Path path(run, bound.given(0));
  Value total = bound.get(1) ? bound.need(1) : Value::of(int64_t{0});
  if (total.is(Kind::Str)) fail("sum() can't sum strings");
  for (const Value& item : iterate(run.budget, subject)) {
    total = arithmetic(run.budget, Op::Add, total, path.of(run, item));
  }
  return total;
}

Value join(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("join", args, {"d", "attribute"});
  Path path(run, bound.given(1));
  std::string between = bound.get(0) ? str(run.budget, bound.need(0)) : "", out;
  bool first = true;
  for (const Value& item : iterate(run.budget, subject)) {
    if (!std::exchange(first, false)) out += between;
    out += str(run.budget, path.of(run, item));
    run.budget.room(out.size());
  }
  return make_text(run.budget, std::move(out));
}

Value first(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("first", args, {});
  if (subject.is(Kind::Iterator)) {
    auto& iterator = subject.as<Iterator>();
    if (iterator.next < iterator.items.size()) return iterator.items[iterator.next++];
  } else if (std::vector<Value> items = iterate(run.budget, subject); !items.empty()) {
    return items.front();
  }
  return undefined("No first item, sequence was empty.");
}

Value last(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("last", args, {});
  if (subject.is(Kind::Iterator)) fail("'generator' object is not reversible");
  std::vector<Value> items = iterate(run.budget, subject);
  return items.empty() ? undefined("No last item, sequence was empty.") : items.back();
}

Value length_of(Interpreter&, const Value& subject, Args& args) {
  Bound bound("length", args, {});
  return Value::of(length(subject));
}

Value list(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("list", args, {});
  return make_list(run.budget, iterate(run.budget, subject));
}

Value items(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("items", args, {});
  if (subject.is(Kind::Undefined)) return make_iterator(run.budget, {});
  if (!subject.is(Kind::Dict)) fail("Can only get item pairs from a mapping.");
  return make_iterator(run.budget, iterate(run.budget, make_view(View::What::Items, subject)));
}

Value reverse(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("reverse", args, {});
  if (subject.is(Kind::Str)) {
    std::u32string points = to_points(subject.text());
    std::reverse(points.begin(), points.end());
    return make_text(run.budget, to_text(points), subject.markup);
  }
  std::vector<Value> reversed = iterate(run.budget, subject);
  std::reverse(reversed.begin(), reversed.end());
  return subject.is(Kind::Iterator) ? make_list(run.budget, std::move(reversed))
                                    : make_iterator(run.budget, std::move(reversed));
}

Value slice(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("slice", args, {"slices", "fill_with"}, 1);
  std::vector<Value> all = iterate(run.budget, subject), parts;
  int64_t slices = bound.whole(0, 1);
  if (slices == 0) fail("division by zero");
  if (slices > 0) run.budget.spend(static_cast<size_t>(slices));
  auto size = static_cast<int64_t>(all.size());
  int64_t each = slices > 0 ? size / slices : 0, extra = slices > 0 ? size % slices : 0, at = 0;
  for (int64_t k = 0; k < slices; ++k) {
    int64_t end = at + each + (k < extra ? 1 : 0);
    std::vector<Value> part(all.begin() + at, all.begin() + end);
    if (bound.given(1) && k >= extra) part.push_back(bound.need(1));
    parts.push_back(make_list(run.budget, std::move(part)));
    at = end;
  }
  return make_iterator(run.budget, std::move(parts));
}

Value batch(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("batch", args, {"linecount", "fill_with"}, 1);
  int64_t size = bound.whole(0, 1);
  std::vector<Value> parts, part;
  auto flush = [&] { parts.push_back(make_list(run.budget, std::exchange(part, {}))); };
  bool any = false;
  for (const Value& item : iterate(run.budget, subject)) {
    if (static_cast<int64_t>(part.size()) == size) flush();
    part.push_back(item);
    any = true;
  }
  if (any) {
    auto missing = size - static_cast<int64_t>(part.size());
    if (bound.given(1) && missing > 0) {
      run.budget.spend(static_cast<size_t>(missing));
      part.insert(part.end(), static_cast<size_t>(missing), bound.need(1));
    }
    flush();
  }
  return make_iterator(run.budget, std::move(parts));
}

Value fallback_to(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("default", args, {"default_value", "boolean"});
  if (!subject.is(Kind::Undefined) && !(bound.flag(1, false) && !truth(subject))) return subject;
  return bound.get(0) ? bound.need(0) : make_text(run.budget, "");
}

Value attr(Interpreter& run, const Value& subject, Args& args) {
  Bound bound("attr", args, {"name"}, 1);
  if (subject.is(Kind::Undefined)) fail_undefined(subject);
  auto found = find_attribute(run.budget, subject, bound.text(0));
  return found ? *found : undefined_item(subject, bound.need(0));
}

std::string name_of(const Value& value, const char* what) {
  if (!value.is(Kind::Str)) fail(std::string("a ") + what + "'s name must be a text");
  return value.text();
}

Value map(Interpreter& run, const Value& subject, Args& args) {
  std::vector<Value> out;
  if (!truth(subject)) return make_iterator(run.budget, {});
  if (args.positional.empty()) {
    Bound bound("map", args, {"attribute", "default"});
    if (!bound.get(0)) fail("map requires a filter argument");
    Path path(run, bound.get(0));
    for (const Value& item : iterate(run.budget, subject))
      out.push_back(path.of(run, item, bound.given(1)));
    return make_iterator(run.budget, std::move(out));
  }
  std::string name = name_of(args.positional[0], "filter");
  const Filter* filter = find_filter(name);
  if (!filter) fail("No filter named '" + name + "'.");
  Args rest{{args.positional.begin() + 1, args.positional.end()}, args.keyword};
  for (const Value& item : iterate(run.budget, subject)) {
    run.budget.spend();
    out.push_back(run.apply(*filter, item, rest));
  }
  return make_iterator(run.budget, std::move(out));
}

template <bool wanted, bool by_attribute>
Value select(Interpreter& run, const Value& subject, Args& args) {
  if (!truth(subject)) return make_iterator(run.budget, {});
  size_t used = by_attribute ? 1 : 0;
  if (args.positional.size() < used) fail("Missing parameter for attribute name");
  Path path(run, by_attribute ? &args.positional[0] : nullptr);
  const Test* test = nullptr;
  Args rest{{}, args.keyword};
  if (args.positional.size() > used) {
    std::string name = name_of(args.positional[used], "test");
    test = find_test(name);
    if (!test) fail("No test named '" + name + "'.");
    rest.positional.assign(args.positional.begin() + static_cast<ptrdiff_t>(used) + 1,
                           args.positional.end());
  }
  std::vector<Value> out;
  for (const Value& item : iterate(run.budget, subject)) {
    run.budget.spend();
    Value asked = path.of(run, item);
    if ((test ? test->holds(run, asked, rest) : truth(asked)) == wanted) out.push_back(item);
  }
  return make_iterator(run.budget, std::move(out));
}

constexpr Filter kFilters[] = {{"attr", attr},
                               {"batch", batch},
                               {"count", length_of},
                               {"d", fallback_to},
                               {"default", fallback_to},
                               {"dictsort", dict_sort},
                               {"first", first},
                               {"groupby", group_by},
                               {"items", items},
                               {"join", join},
                               {"last", last},
                               {"length", length_of},
                               {"list", list},
                               {"map", map},
                               {"max", extreme<Order::Greater>},
                               {"min", extreme<Order::Less>},
                               {"reject", select<false, false>},
                               {"rejectattr", select<false, true>},
                               {"reverse", reverse},
                               {"select", select<true, false>},
                               {"selectattr", select<true, true>},
                               {"slice", slice},
                               {"sort", sort},
                               {"sum", sum},
                               {"tojson", to_json},
                               {"unique", unique}};

}  // namespace

const Filter* find_sequence_filter(std::string_view name) {
  const auto* found = std::find_if(std::begin(kFilters), std::end(kFilters),
                                   [&](const Filter& filter) { return filter.name == name; });
  return found == std::end(kFilters) ? nullptr : found;
}

const Filter* find_filter(std::string_view name) {
  const Filter* found = find_text_filter(name);
  return found ? found : find_sequence_filter(name);
}

}  // namespace temper::jinja
