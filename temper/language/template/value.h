// The values a template computes with: Python's, as far as templates see them.
//
// Containers never change once built, except the few objects that Jinja itself lets change
// (namespaces, loops, iterators, cyclers). Building one spends from the Budget and bounds how deep
// it nests, so that printing, comparing and freeing it cannot overflow the stack.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "temper/foundation/text/json.h"
#include "temper/language/template/budget.h"

namespace temper::jinja {

enum class Kind : uint8_t {
  Undefined,
  None,
  Bool,
  Int,
  Float,
  Str,
  List,
  Tuple,
  Dict,
  Range,
  View,
  Iterator,
  Namespace,
  Loop,
  Cycler,
  Callable
};

/// What a Value points at. `depth`: containers below it, 0 for a text.
struct Object {
  virtual ~Object() = default;
  int depth = 0;
};

struct Value {
  Kind kind = Kind::Undefined;
  bool markup = false;  ///< of a Str: markupsafe.Markup, which escapes what is added to it
  union {
    bool boolean;
    int64_t integer = 0;
    double real;
  };
  std::shared_ptr<Object> object;  // shared: values are copied freely and never changed through it

  static Value none() { return of(Kind::None); }
  static Value of(bool b) {
    Value v = of(Kind::Bool);
    v.boolean = b;
    return v;
  }
  static Value of(int64_t i) {
    Value v = of(Kind::Int);
    v.integer = i;
    return v;
  }
  static Value of(double d) {
    Value v = of(Kind::Float);
    v.real = d;
    return v;
  }
  static Value of(Kind kind) {
    Value v;
    v.kind = kind;
    return v;
  }
  static Value of(Kind kind, std::shared_ptr<Object> object) {
    Value v = of(kind);
    v.object = std::move(object);
    return v;
  }
  template <class T>
  T& as() const {
    return static_cast<T&>(*object);
  }
  bool is(Kind k) const { return kind == k; }
  bool is_number() const { return is(Kind::Int) || is(Kind::Float) || is(Kind::Bool); }
  /// An int or a bool, which Python counts as one.
  bool is_whole() const { return is(Kind::Int) || is(Kind::Bool); }
  bool is_sequence() const { return is(Kind::List) || is(Kind::Tuple); }
  int64_t whole() const { return is(Kind::Bool) ? boolean : integer; }
  double number() const { return is(Kind::Float) ? real : static_cast<double>(whole()); }
  const std::string& text() const;
};

struct Str : Object {
  std::string text;
  bool ascii = true;
};
/// Why a value is undefined, told when it is used.
struct Missing : Object {
  std::string hint;   ///< the whole message, if not empty
  std::string owner;  ///< the type that lacks `name`; empty: a variable
  Value name;
  bool security = false;
};
/// A list or a tuple; `group`: a groupby tuple, with the attributes grouper and list.
struct Seq : Object {
  std::vector<Value> items;
  bool group = false;
};
struct Dict : Object {
  std::vector<std::pair<Value, Value>> items;
};
struct Range : Object {
  int64_t start = 0, stop = 0, step = 1, length = 0;
  int64_t at(int64_t k) const { return start + k * step; }
};
struct View : Object {
  enum class What : uint8_t { Keys, Values, Items } what = What::Keys;
  Value dict;
};
/// What Python yields once: computed at once here, taken one by one.
struct Iterator : Object {
  std::vector<Value> items;
  size_t next = 0;
};
struct Namespace : Object {
  std::vector<std::pair<std::string, Value>> attributes;
};
struct Cycler : Object {
  std::vector<Value> items;
  size_t at = 0;
};
class Interpreter;
struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keyword;
};
struct Callable : Object {
  std::string name;
  std::string type;  ///< as Python names it in messages
  std::function<Value(Interpreter&, Args&)> call;
  std::vector<Value> arguments;  ///< of a macro: the names of its arguments
};

// Building.
Value make_text(Budget& budget, std::string text, bool markup = false);
Value make_list(Budget& budget, std::vector<Value> items);
Value make_tuple(Budget& budget, std::vector<Value> items);
Value make_dict(Budget& budget, std::vector<std::pair<Value, Value>> items);
Value make_iterator(Budget& budget, std::vector<Value> items);
Value make_view(View::What what, const Value& dict);
Value make_callable(std::string name, std::function<Value(Interpreter&, Args&)> call,
                    const Value& bound = {});
Value undefined(std::string hint);
Value undefined_name(Budget& budget, const std::string& name);
/// `owner` has no attribute or element `name`.
Value undefined_item(const Value& owner, const Value& name);
/// Access to `owner`.`name` is refused: undefined, and an error once used.
Value unsafe_item(const Value& owner, const std::string& name);
Value from_json(Budget& budget, const Json& json);
/// 1 + the deepest of the items; throws Error beyond kDeepestValue.
int depth_above(const std::vector<Value>& items);

// Asking.
std::string type_name(const Value& value);  ///< "str", "list", "dict", …
/// Throws the error that using an undefined value is.
[[noreturn]] void fail_undefined(const Value& value);
bool truth(const Value& value);
/// len(); throws Error for what has none.
int64_t length(const Value& value);
bool has_length(const Value& value);
/// What a loop over the value yields, copied out; empties an iterator. Throws Error for what is no
/// iterable.
std::vector<Value> iterate(Budget& budget, const Value& value);
bool is_iterable(const Value& value);
/// Whether the value can be a dict's key.
bool is_hashable(const Value& value);
/// The value under `key`, or null; throws Error for a key that cannot be one.
const Value* find(Budget& budget, const Dict& dict, const Value& key);
/// Adds or replaces.
void put(Budget& budget, Dict& dict, const Value& key, const Value& value);

// Comparing.
bool equal(Budget& budget, const Value& a, const Value& b);
enum class Order : uint8_t { Less, LessEqual, Greater, GreaterEqual };
/// a `order` b; throws Error for values without an order.
bool ordered(Budget& budget, Order order, const Value& a, const Value& b);
bool contains(Budget& budget, const Value& container, const Value& item);

// Printing.
std::string repr_double(double number);
std::string str(Budget& budget, const Value& value);   ///< str(value)
std::string repr(Budget& budget, const Value& value);  ///< repr(value)
/// `value` as text: itself if it is one (Markup stays Markup), str(value) otherwise.
Value soft_str(Budget& budget, const Value& value);
/// HTML's five characters escaped; Markup is left as it is.
Value escape(Budget& budget, const Value& value);

}  // namespace temper::jinja
