// What the parser builds and the interpreter walks; immutable once parsed.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "temper/language/template/value.h"

namespace temper::jinja {

struct Expr;
struct Stmt;
struct Filter;
struct Test;
using ExprPtr = std::unique_ptr<Expr>;
using Body = std::vector<Stmt>;

enum class Op : uint8_t {
  Const,
  Name,
  List,
  Tuple,
  Dict,
  Getattr,
  Getitem,
  Slice,
  Call,
  Filter,
  Test,
  Not,
  Neg,
  Pos,
  Add,
  Sub,
  Mul,
  Div,
  FloorDiv,
  Mod,
  Pow,
  Concat,
  And,
  Or,
  Compare,
  If
};
enum class Relation : uint8_t {
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  In,
  NotIn
};

struct Expr {
  Op op = Op::Const;
  int line = 0;
  int depth = 0;              ///< expressions below
  std::string name;           ///< of Name, Getattr, Filter, Test
  Value value;                ///< of Const
  std::vector<ExprPtr> kids;  ///< operands; may be null in Slice, If and the filter of a block
  std::vector<Relation> relations;  ///< of Compare, one before each kid but the first
  std::vector<std::pair<std::string, ExprPtr>> keywords;  ///< of Call, Filter, Test
  ExprPtr star, double_star;                              ///< *args, **kwargs
  const Filter* filter = nullptr;                         ///< null: unknown
  const Test* test = nullptr;
};

/// What is assigned to: a name, a namespace's attribute, or several of these.
struct Target {
  std::string name, attribute;
  std::vector<Target> items;
  bool is_tuple = false;
};

struct Stmt {
  enum class Kind : uint8_t {
    Text,
    Print,
    If,
    For,
    Set,
    SetBlock,
    Macro,
    CallBlock,
    FilterBlock,
    With,
    Generation,
    Break,
    Continue
  };
  Kind kind = Kind::Text;
  int line = 0;
  std::string text;  ///< of Text; a Macro's name
  ExprPtr value;     ///< printed, tested, iterated, assigned, called, or the filter (or null)
  ExprPtr test;      ///< a for block's `if`
  Target target;
  Body body, otherwise;
  bool recursive = false;
  bool uses_caller = false, uses_kwargs = false, uses_varargs = false;  ///< of Macro and CallBlock
  std::vector<std::pair<std::string, ExprPtr>>
      parameters;  ///< Macro, CallBlock: default or null; With: value
};

struct Parsed {
  Body body;
  std::string where;
  bool has_generation = false;
};

}  // namespace temper::jinja
