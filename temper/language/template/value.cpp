#include "temper/language/template/value.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "temper/language/template/unicode.h"

namespace temper::jinja {

const std::string& Value::text() const {
  return as<Str>().text;
}

int depth_above(const std::vector<Value>& items) {
  int depth = 0;
  for (const Value& item : items) {
    if (item.object) depth = std::max(depth, item.object->depth);
  }
  if (depth >= kDeepestValue) fail("a value nests deeper than " + std::to_string(kDeepestValue));
  return depth + 1;
}

Value make_text(Budget& budget, std::string text, bool markup) {
  budget.text(text.size());
  auto made = std::make_shared<Str>();
  made->ascii = is_ascii(text);
  made->text = std::move(text);
  Value value = Value::of(Kind::Str, std::move(made));
  value.markup = markup;
  return value;
}

namespace {

template <class T>
std::shared_ptr<T> holder(Budget& budget, std::vector<Value> items) {
  budget.spend(items.size());
  auto made = std::make_shared<T>();
  made->depth = depth_above(items);
  made->items = std::move(items);
  return made;
}

}  // namespace

Value make_list(Budget& budget, std::vector<Value> items) {
  return Value::of(Kind::List, holder<Seq>(budget, std::move(items)));
}

Value make_tuple(Budget& budget, std::vector<Value> items) {
  return Value::of(Kind::Tuple, holder<Seq>(budget, std::move(items)));
}

Value make_iterator(Budget& budget, std::vector<Value> items) {
  return Value::of(Kind::Iterator, holder<Iterator>(budget, std::move(items)));
}

Value make_dict(Budget& budget, std::vector<std::pair<Value, Value>> items) {
  budget.spend(items.size());
  auto made = std::make_shared<Dict>();
  int depth = 0;
  for (const auto& [key, value] : items) depth = std::max(depth, depth_above({key, value}));
  made->depth = std::max(depth, 1);
  made->items = std::move(items);
  return Value::of(Kind::Dict, std::move(made));
}

Value make_view(View::What what, const Value& dict) {
  auto made = std::make_shared<View>();
  made->what = what;
  made->dict = dict;
  made->depth = depth_above({dict});
  return Value::of(Kind::View, std::move(made));
}

Value make_callable(std::string name, std::function<Value(Interpreter&, Args&)> call,
                    const Value& bound) {
  auto made = std::make_shared<Callable>();
  made->type = bound.object ? "builtin_function_or_method object" : "function object";
  made->depth = depth_above({bound});
  made->name = std::move(name);
  made->call = std::move(call);
  return Value::of(Kind::Callable, std::move(made));
}

Value undefined(std::string hint) {
  auto made = std::make_shared<Missing>();
  made->hint = std::move(hint);
  return Value::of(Kind::Undefined, std::move(made));
}

Value undefined_name(Budget& budget, const std::string& name) {
  auto made = std::make_shared<Missing>();
  made->name = make_text(budget, name);
  return Value::of(Kind::Undefined, std::move(made));
}

Value undefined_item(const Value& owner, const Value& name) {
  auto made = std::make_shared<Missing>();
  made->owner = type_name(owner);
  made->name = name;
  made->depth = depth_above({name});
  return Value::of(Kind::Undefined, std::move(made));
}

Value unsafe_item(const Value& owner, const std::string& name) {
  std::string type = type_name(owner);
  if (auto cut = type.rfind(" object"); cut != std::string::npos) type.erase(cut);
  if (auto dot = type.rfind('.'); dot != std::string::npos) type.erase(0, dot + 1);
  Value value = undefined("access to attribute '" + name + "' of '" + type + "' object is unsafe.");
  value.as<Missing>().security = true;
  return value;
}

Value from_json(Budget& budget, const Json& json) {
  budget.spend();
  switch (json.type()) {
    case Json::value_t::null:
      return Value::none();
    case Json::value_t::boolean:
      return Value::of(json.get<bool>());
    case Json::value_t::number_integer:
      return Value::of(json.get<int64_t>());
    case Json::value_t::number_unsigned:
      if (json.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        fail("the integer " + std::to_string(json.get<uint64_t>()) + " needs more than 64 bits");
      }
      return Value::of(json.get<int64_t>());
    case Json::value_t::number_float:
      return Value::of(json.get<double>());
    case Json::value_t::string: {
      const auto& text = json.get_ref<const std::string&>();
      if (!valid_utf8(text)) fail("a text among the variables is not UTF-8");
      return make_text(budget, text);
    }
    case Json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      Level level(budget.depth, kDeepestValue);
      for (const Json& item : json) items.push_back(from_json(budget, item));
      return make_list(budget, std::move(items));
    }
    case Json::value_t::object: {
      std::vector<std::pair<Value, Value>> items;
      items.reserve(json.size());
      Level level(budget.depth, kDeepestValue);
      for (const auto& [key, item] : json.items()) {
        if (!valid_utf8(key)) fail("a key among the variables is not UTF-8");
        items.emplace_back(make_text(budget, key), from_json(budget, item));
      }
      return make_dict(budget, std::move(items));
    }
    default:
      fail("a variable is of a kind that JSON does not have");
  }
}

std::string type_name(const Value& value) {
  switch (value.kind) {
    case Kind::Undefined:
      return "jinja2.runtime.Undefined object";
    case Kind::None:
      return "None";
    case Kind::Bool:
      return "bool object";
    case Kind::Int:
      return "int object";
    case Kind::Float:
      return "float object";
    case Kind::Str:
      return value.markup ? "markupsafe.Markup object" : "str object";
    case Kind::List:
      return "list object";
    case Kind::Tuple:
      return value.as<Seq>().group ? "jinja2.filters._GroupTuple object" : "tuple object";
    case Kind::Dict:
      return "dict object";
    case Kind::Range:
      return "range object";
    case Kind::View:
      switch (value.as<View>().what) {
        case View::What::Keys:
          return "dict_keys object";
        case View::What::Values:
          return "dict_values object";
        case View::What::Items:
          return "dict_items object";
      }
      return "";
    case Kind::Iterator:
      return "generator object";
    case Kind::Namespace:
      return "transformers.utils.chat_template_utils.TemplateNamespace object";
    case Kind::Loop:
      return "jinja2.runtime.LoopContext object";
    case Kind::Cycler:
      return "jinja2.utils.Cycler object";
    case Kind::Callable:
      return value.as<Callable>().type;
  }
  return "";
}

void fail_undefined(const Value& value) {
  if (!value.object) fail("an undefined value was used");
  const auto& missing = value.as<Missing>();
  if (!missing.hint.empty()) fail(missing.hint);
  Budget message(10'000, 4096);
  std::string name = repr(message, missing.name);
  if (missing.owner.empty()) fail(name + " is undefined");
  if (missing.name.is(Kind::Str)) fail("'" + missing.owner + "' has no attribute " + name);
  fail(missing.owner + " has no element " + name);
}

bool truth(const Value& value) {
  switch (value.kind) {
    case Kind::Undefined:
    case Kind::None:
      return false;
    case Kind::Bool:
      return value.boolean;
    case Kind::Int:
      return value.integer != 0;
    case Kind::Float:
      return value.real != 0;
    default:
      return !has_length(value) || length(value) != 0;
  }
}

bool is_hashable(const Value& value) {
  if (value.is(Kind::List) || value.is(Kind::Dict) || value.is(Kind::View)) return false;
  if (!value.is(Kind::Tuple)) return true;
  const auto& items = value.as<Seq>().items;
  return std::all_of(items.begin(), items.end(), is_hashable);
}

const Value* find(Budget& budget, const Dict& dict, const Value& key) {
  if (!is_hashable(key)) fail("unhashable type: '" + type_name(key) + "'");
  budget.spend(dict.items.size() / 8);
  for (const auto& [have, value] : dict.items) {
    bool same = have.is(Kind::Str) && key.is(Kind::Str) ? have.text() == key.text()
                                                        : equal(budget, have, key);
    if (same) return &value;
  }
  return nullptr;
}

void put(Budget& budget, Dict& dict, const Value& key, const Value& value) {
  int depth = depth_above({key, value});
  dict.depth = std::max(dict.depth, depth);
  if (const Value* found = find(budget, dict, key)) {
    *const_cast<Value*>(found) = value;  // `dict` is ours to change
  } else {
    budget.spend();
    dict.items.emplace_back(key, value);
  }
}

}  // namespace temper::jinja
