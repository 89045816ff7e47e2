// Attributes and subscripts: what Python's types have, less what the immutable sandbox refuses.
#include <algorithm>

#include "temper/language/template/call.h"
#include "temper/language/template/interpreter.h"
#include "temper/language/template/loop.h"
#include "temper/language/template/operation.h"
#include "temper/language/template/unicode.h"

namespace temper::jinja {
namespace {

bool one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <class F>
Value method(const std::string& name, const Value& self, F body) {
  return make_callable(
      name, [self, body](Interpreter& run, Args& args) { return body(run, self, args); }, self);
}

std::optional<Value> dict_attribute(const Value& self, const std::string& name) {
  if (one_of(name, {"clear", "pop", "popitem", "setdefault", "update"}))
    return unsafe_item(self, name);
  if (name == "get") {
    return method(name, self, [](Interpreter& run, const Value& dict, Args& args) {
      if (!args.keyword.empty()) fail("dict.get() takes no keyword arguments");
      Bound bound("get", args, {"key", "default"}, 1);
      const Value* found = find(run.budget, dict.as<Dict>(), bound.need(0));
      return found ? *found : bound.get(1) ? bound.need(1) : Value::none();
    });
  }
  auto view = [&](View::What what) {
    return method(name, self, [what](Interpreter&, const Value& dict, Args& args) {
      Bound("keys, values or items", args, {});
      return make_view(what, dict);
    });
  };
  if (name == "keys") return view(View::What::Keys);
  if (name == "values") return view(View::What::Values);
  if (name == "items") return view(View::What::Items);
  if (name == "copy") {
    return method(name, self, [](Interpreter& run, const Value& dict, Args&) {
      return make_dict(run.budget, dict.as<Dict>().items);
    });
  }
  return {};
}

std::optional<Value> sequence_attribute(const Value& self, const std::string& name) {
  bool list = self.is(Kind::List);
  if (list &&
      one_of(name, {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"})) {
    return unsafe_item(self, name);
  }
  if (self.as<Seq>().group && name == "grouper") return self.as<Seq>().items[0];
  if (self.as<Seq>().group && name == "list") return self.as<Seq>().items[1];
  if (list && name == "copy") {
    return method(name, self, [](Interpreter& run, const Value& me, Args&) {
      return make_list(run.budget, me.as<Seq>().items);
    });
  }
  if (name == "count" || name == "index") {
    bool counts = name == "count";
    return method(name, self, [counts](Interpreter& run, const Value& me, Args& args) {
      Bound bound(counts ? "count" : "index", args, {"value"}, 1);
      const auto& items = me.as<Seq>().items;
      int64_t seen = 0;
      for (size_t k = 0; k < items.size(); ++k) {
        if (!equal(run.budget, items[k], bound.need(0))) continue;
        if (!counts) return Value::of(static_cast<int64_t>(k));
        ++seen;
      }
      if (!counts) fail("the value is not in the list");
      return Value::of(seen);
    });
  }
  return {};
}

std::optional<Value> loop_attribute(const Value& self, const std::string& name) {
  auto& loop = self.as<Loop>();
  int64_t index0 = loop.index0;
  if (name == "index") return Value::of(index0 + 1);
  if (name == "index0") return Value::of(index0);
  if (name == "first") return Value::of(index0 == 0);
  if (name == "last") return Value::of(!loop.peek().has_value());
  if (name == "length") return Value::of(loop.count());
  if (name == "revindex") return Value::of(loop.count() - index0);
  if (name == "revindex0") return Value::of(loop.count() - index0 - 1);
  if (name == "depth") return Value::of(loop.depth0 + 1);
  if (name == "depth0") return Value::of(loop.depth0);
  if (name == "previtem") return index0 > 0 ? loop.before : undefined("there is no previous item");
  if (name == "nextitem") return loop.peek() ? *loop.peek() : undefined("there is no next item");
  if (name == "cycle") {
    return method(name, self, [](Interpreter&, const Value& me, Args& args) {
      if (args.positional.empty()) fail("no items for cycling given");
      auto turn = static_cast<size_t>(me.as<Loop>().index0);
      return args.positional[turn % args.positional.size()];
    });
  }
  if (name == "changed") {
    return method(name, self, [](Interpreter& run, const Value& me, Args& args) {
      auto& last = me.as<Loop>().last_changed;
      auto same = [&](const Value& a, const Value& b) { return equal(run.budget, a, b); };
      if (last && std::equal(last->begin(), last->end(), args.positional.begin(),
                             args.positional.end(), same)) {
        return Value::of(false);
      }
      if (!last) run.keep(me.object);
      last = args.positional;
      return Value::of(true);
    });
  }
  return {};
}

std::optional<Value> cycler_attribute(const Value& self, const std::string& name) {
  auto& cycler = self.as<Cycler>();
  if (name == "current") return cycler.items[cycler.at];
  if (name == "next") {
    return method(name, self, [](Interpreter&, const Value& me, Args&) {
      auto& c = me.as<Cycler>();
      Value value = c.items[c.at];
      c.at = (c.at + 1) % c.items.size();
      return value;
    });
  }
  if (name == "reset") {
    return method(name, self, [](Interpreter&, const Value& me, Args&) {
      me.as<Cycler>().at = 0;
      return Value::none();
    });
  }
  return {};
}

}  // namespace

std::optional<Value> find_attribute(Budget& budget, const Value& owner, const std::string& name) {
  if (owner.is(Kind::Undefined)) fail_undefined(owner);
  if (owner.is(Kind::Namespace)) {
    for (const auto& [key, value] : owner.as<Namespace>().attributes) {
      if (key == name) return value;
    }
    return {};
  }
  // Every Python object has these, and the sandbox hides them all.
  if (name.size() > 4 && name.rfind("__", 0) == 0 && name.substr(name.size() - 2) == "__") {
    return unsafe_item(owner, name);
  }
  switch (owner.kind) {
    case Kind::Str:
      if (Method found = find_text_method(name)) return method(name, owner, found);
      if (one_of(name, {"encode", "expandtabs", "format_map", "isidentifier", "maketrans",
                        "translate"})) {
        fail("the method '" + name + "' of str is not supported in chat templates");
      }
      return {};
    case Kind::Dict:
      return dict_attribute(owner, name);
    case Kind::List:
    case Kind::Tuple:
      return sequence_attribute(owner, name);
    case Kind::Loop:
      return loop_attribute(owner, name);
    case Kind::Cycler:
      return cycler_attribute(owner, name);
    case Kind::Range:
      if (name == "start") return Value::of(owner.as<Range>().start);
      if (name == "stop") return Value::of(owner.as<Range>().stop);
      if (name == "step") return Value::of(owner.as<Range>().step);
      return {};
    case Kind::Callable:
      if (owner.as<Callable>().type != "jinja2.runtime.Macro object") return {};
      if (name == "name") return make_text(budget, owner.as<Callable>().name);
      if (name == "arguments") return make_tuple(budget, owner.as<Callable>().arguments);
      return {};
    default:
      return {};
  }
}

namespace {

// obj[key] where Python does not raise TypeError or LookupError.
std::optional<Value> subscript(Budget& budget, const Value& owner, const Value& key) {
  if (owner.is(Kind::Dict)) {
    if (!is_hashable(key)) return {};
    const Value* found = find(budget, owner.as<Dict>(), key);
    return found ? std::optional<Value>(*found) : std::nullopt;
  }
  bool ordered = owner.is(Kind::Str) || owner.is_sequence() || owner.is(Kind::Range);
  if (!ordered || !key.is_whole()) return {};
  int64_t size = length(owner), at = key.whole() < 0 ? key.whole() + size : key.whole();
  if (at < 0 || at >= size) return {};
  if (owner.is(Kind::Range)) return Value::of(owner.as<Range>().at(at));
  if (owner.is_sequence()) return owner.as<Seq>().items[static_cast<size_t>(at)];
  const std::string& text = owner.text();
  if (owner.as<Str>().ascii)
    return make_text(budget, std::string(1, text[static_cast<size_t>(at)]), owner.markup);
  budget.spend(text.size() / 64);
  size_t begin = 0;
  for (; at > 0; --at) next_point(text, begin);
  size_t end = begin;
  next_point(text, end);
  return make_text(budget, text.substr(begin, end - begin), owner.markup);
}

}  // namespace

Value get_attribute(Budget& budget, const Value& owner, const std::string& name) {
  budget.spend();
  if (auto found = find_attribute(budget, owner, name)) return *std::move(found);
  Value key = make_text(budget, name);
  if (auto found = subscript(budget, owner, key)) return *std::move(found);
  return undefined_item(owner, key);
}

Value get_item(Budget& budget, const Value& owner, const Value& key) {
  budget.spend();
  if (owner.is(Kind::Undefined)) fail_undefined(owner);
  if (auto found = subscript(budget, owner, key)) return *std::move(found);
  if (key.is(Kind::Str)) {
    if (auto found = find_attribute(budget, owner, key.text())) return *std::move(found);
  }
  return undefined_item(owner, key);
}

Value get_slice(Budget& budget, const Value& owner, const Value& start, const Value& stop,
                const Value& step) {
  if (owner.is(Kind::Undefined)) fail_undefined(owner);
  auto usable = [](const Value& part) { return part.is(Kind::None) || part.is_whole(); };
  bool ordered = owner.is(Kind::Str) || owner.is_sequence() || owner.is(Kind::Range);
  if (!ordered) fail("'" + type_name(owner) + "' cannot be sliced");
  if (!usable(start) || !usable(stop) || !usable(step))
    fail("slice indices must be integers or None");
  int64_t size = length(owner), stride = step.is(Kind::None) ? 1 : step.whole();
  if (stride == 0) fail("slice step cannot be zero");
  int64_t lowest = stride < 0 ? -1 : 0, highest = stride < 0 ? size - 1 : size;
  auto bound = [&](const Value& part, int64_t fallback) {
    if (part.is(Kind::None)) return fallback;
    int64_t at = part.whole();
    return std::clamp(at < 0 ? at + size : at, lowest, highest);
  };
  int64_t at = bound(start, stride < 0 ? highest : lowest),
          end = bound(stop, stride < 0 ? lowest : highest);
  if (stride > size) stride = size + 1;  // one step leaves the sequence either way
  if (stride < -size) stride = -size - 1;
  std::u32string points;
  bool wide = owner.is(Kind::Str) && !owner.as<Str>().ascii;
  if (wide) {
    budget.spend(owner.text().size() / 16);
    points = to_points(owner.text());
  }
  std::string text;
  std::vector<Value> items;
  for (; stride < 0 ? at > end : at < end; at += stride) {
    auto k = static_cast<size_t>(at);
    if (wide)
      append_point(text, points[k]);
    else if (owner.is(Kind::Str))
      text += owner.text()[k];
    else
      items.push_back(owner.is(Kind::Range) ? Value::of(owner.as<Range>().at(at))
                                            : owner.as<Seq>().items[k]);
  }
  if (owner.is(Kind::Str)) return make_text(budget, std::move(text), owner.markup);
  return owner.is(Kind::Tuple) ? make_tuple(budget, std::move(items))
                               : make_list(budget, std::move(items));
}

}  // namespace temper::jinja
