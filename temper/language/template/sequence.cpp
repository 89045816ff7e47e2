// Length, iteration, comparison and membership, as Python's protocols define them.
#include <algorithm>

#include "temper/language/template/loop.h"
#include "temper/language/template/unicode.h"
#include "temper/language/template/value.h"

namespace temper::jinja {

bool has_length(const Value& value) {
  switch (value.kind) {
    case Kind::Undefined:
    case Kind::Str:
    case Kind::List:
    case Kind::Tuple:
    case Kind::Dict:
    case Kind::Range:
    case Kind::View:
    case Kind::Loop:
      return true;
    default:
      return false;
  }
}

int64_t length(const Value& value) {
  switch (value.kind) {
    case Kind::Undefined:
      return 0;
    case Kind::Str:
      return static_cast<int64_t>(value.as<Str>().ascii ? value.text().size()
                                                        : count_points(value.text()));
    case Kind::List:
    case Kind::Tuple:
      return static_cast<int64_t>(value.as<Seq>().items.size());
    case Kind::Dict:
      return static_cast<int64_t>(value.as<Dict>().items.size());
    case Kind::Range:
      return value.as<Range>().length;
    case Kind::View:
      return length(value.as<View>().dict);
    case Kind::Loop:
      return value.as<Loop>().count();
    default:
      fail("object of type '" + type_name(value) + "' has no len()");
  }
}

bool is_iterable(const Value& value) {
  return has_length(value) || value.is(Kind::Iterator);
}

std::vector<Value> iterate(Budget& budget, const Value& value) {
  std::vector<Value> items;
  switch (value.kind) {
    case Kind::Undefined:
      break;
    case Kind::Str: {
      std::string_view text = value.text();
      for (size_t at = 0; at < text.size();) {
        budget.spend();
        size_t begin = at;
        next_point(text, at);
        items.push_back(
            make_text(budget, std::string(text.substr(begin, at - begin)), value.markup));
      }
      break;
    }
    case Kind::List:
    case Kind::Tuple:
      budget.spend(value.as<Seq>().items.size());
      items = value.as<Seq>().items;
      break;
    case Kind::Dict:
      budget.spend(value.as<Dict>().items.size());
      for (const auto& [key, item] : value.as<Dict>().items) items.push_back(key);
      break;
    case Kind::Range:
      budget.spend(static_cast<size_t>(value.as<Range>().length));
      for (int64_t k = 0; k < value.as<Range>().length; ++k) {
        items.push_back(Value::of(value.as<Range>().at(k)));
      }
      break;
    case Kind::View: {
      const View& view = value.as<View>();
      for (const auto& [key, item] : view.dict.as<Dict>().items) {
        budget.spend();
        if (view.what == View::What::Keys) items.push_back(key);
        if (view.what == View::What::Values) items.push_back(item);
        if (view.what == View::What::Items) items.push_back(make_tuple(budget, {key, item}));
      }
      break;
    }
    case Kind::Iterator: {
      auto& iterator = value.as<Iterator>();
      budget.spend(iterator.items.size());
      items.assign(iterator.items.begin() + static_cast<ptrdiff_t>(iterator.next),
                   iterator.items.end());
      iterator.next = iterator.items.size();
      break;
    }
    case Kind::Loop:
      // Each step of a LoopContext yields (item, loop); no template needs it, and it would tie a
      // knot.
      fail("'loop' cannot be iterated here");
    default:
      fail("'" + type_name(value) + "' is not iterable");
  }
  return items;
}

namespace {

bool equal_items(Budget& budget, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (size_t k = 0; k < a.size(); ++k) {
    if (!equal(budget, a[k], b[k])) return false;
  }
  return true;
}

bool equal_dicts(Budget& budget, const Dict& a, const Dict& b) {
  if (a.items.size() != b.items.size()) return false;
  for (const auto& [key, value] : a.items) {
    const Value* other = find(budget, b, key);
    if (!other || !equal(budget, value, *other)) return false;
  }
  return true;
}

template <class T>
bool holds(Order order, const T& a, const T& b) {
  switch (order) {
    case Order::Less:
      return a < b;
    case Order::LessEqual:
      return a <= b;
    case Order::Greater:
      return a > b;
    case Order::GreaterEqual:
      return a >= b;
  }
  return false;
}

// Exact for every int64 and every double: 64 bits of mantissa or more.
long double exact(const Value& value) {
  return value.is(Kind::Float) ? static_cast<long double>(value.real)
                               : static_cast<long double>(value.whole());
}

}  // namespace

bool equal(Budget& budget, const Value& a, const Value& b) {
  budget.spend();
  if (a.is_number() && b.is_number()) return exact(a) == exact(b);
  if (a.kind != b.kind) return false;
  if (a.object && a.object == b.object) return true;
  switch (a.kind) {
    case Kind::Undefined:
    case Kind::None:
      return true;
    case Kind::Str:
      budget.spend(std::min(a.text().size(), b.text().size()) / 64);
      return a.text() == b.text();
    case Kind::List:
    case Kind::Tuple: {
      Level level(budget.depth, kDeepestValue);
      return equal_items(budget, a.as<Seq>().items, b.as<Seq>().items);
    }
    case Kind::Dict: {
      Level level(budget.depth, kDeepestValue);
      return equal_dicts(budget, a.as<Dict>(), b.as<Dict>());
    }
    case Kind::Range: {
      const auto &x = a.as<Range>(), &y = b.as<Range>();
      if (x.length != y.length || x.length == 0) return x.length == y.length;
      return x.start == y.start && (x.length == 1 || x.step == y.step);
    }
    default:
      return false;
  }
}

bool ordered(Budget& budget, Order order, const Value& a, const Value& b) {
  budget.spend();
  if (a.is_number() && b.is_number()) return holds(order, exact(a), exact(b));
  if (a.is(Kind::Undefined)) fail_undefined(a);
  if (b.is(Kind::Undefined)) fail_undefined(b);
  if (a.is(Kind::Str) && b.is(Kind::Str)) {
    budget.spend(std::min(a.text().size(), b.text().size()) / 64);
    return holds(order, a.text(), b.text());
  }
  if (a.is_sequence() && a.kind == b.kind) {
    Level level(budget.depth, kDeepestValue);
    const auto &x = a.as<Seq>().items, &y = b.as<Seq>().items;
    for (size_t k = 0; k < std::min(x.size(), y.size()); ++k) {
      if (!equal(budget, x[k], y[k])) return ordered(budget, order, x[k], y[k]);
    }
    return holds(order, x.size(), y.size());
  }
  fail("'" + type_name(a) + "' and '" + type_name(b) + "' have no order");
}

bool contains(Budget& budget, const Value& container, const Value& item) {
  switch (container.kind) {
    case Kind::Str:
      if (!item.is(Kind::Str)) {
        fail("'in <string>' requires string as left operand, not " + type_name(item));
      }
      budget.spend(container.text().size() / 64);
      return container.text().find(item.text()) != std::string::npos;
    case Kind::Dict:
      return find(budget, container.as<Dict>(), item) != nullptr;
    case Kind::View:
      if (container.as<View>().what == View::What::Keys) {
        return find(budget, container.as<View>().dict.as<Dict>(), item) != nullptr;
      }
      break;
    case Kind::Iterator: {
      auto& iterator = container.as<Iterator>();
      while (iterator.next < iterator.items.size()) {
        if (equal(budget, iterator.items[iterator.next++], item)) return true;
      }
      return false;
    }
    case Kind::List:
    case Kind::Tuple: {
      const auto& items = container.as<Seq>().items;
      return std::any_of(items.begin(), items.end(),
                         [&](const Value& have) { return equal(budget, have, item); });
    }
    default:
      break;
  }
  for (const Value& have : iterate(budget, container)) {
    if (equal(budget, have, item)) return true;
  }
  return false;
}

}  // namespace temper::jinja
