// Walks a parsed template: scopes, blocks, macros and expressions.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "temper/foundation/error/error.h"
#include "temper/language/template/ast.h"
#include "temper/language/template/template.h"

namespace temper::jinja {

struct Loop;

/// The names of one block. Jinja's scopes are lexical: a loop, macro, call, with, filter or set
/// block has one of its own, an if block has not.
struct Scope {
  std::shared_ptr<Scope> parent;  // shared: macros outlive the block that defines them
  std::vector<std::pair<std::string, Value>> names;
  bool kept = false;

  const Value* find(const std::string& name) const;
  void set(const std::string& name, Value value);
};
using ScopePtr = std::shared_ptr<Scope>;

/// One rendering.
class Interpreter {
 public:
  Interpreter(const Parsed& parsed, int64_t now_s, Limits limits);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  Rendered run(const Json& variables);

  Value call(const Value& callee, Args& args);
  /// A filter called from a filter: `map` can nest calls that the syntax does not.
  Value apply(const Filter& filter, const Value& subject, Args& args);
  /// Objects that can change may hold each other in a circle; they are emptied at the end.
  void keep(const std::shared_ptr<Object>& object) { kept_.push_back(object); }
  int64_t now_s() const { return now_s_; }
  Value make_namespace(Args& args);

  Budget budget;

 private:
  enum class Flow : uint8_t { Next, Break, Continue };

  Flow execute(const Body& body, const ScopePtr& scope);
  Flow execute(const Stmt& stmt, const ScopePtr& scope);
  Flow for_block(const Stmt& stmt, const ScopePtr& scope);
  Flow iterate_block(const Stmt& stmt, const ScopePtr& scope, const Value& items, int64_t depth0);
  Value recursive_block(const Stmt& stmt, const ScopePtr& scope, const Value& items,
                        int64_t depth0);
  Flow with_block(const Stmt& stmt, const ScopePtr& scope);
  /// What the body prints, in a scope of its own; `flow` tells how it ended.
  std::string captured(const Body& body, const ScopePtr& scope, Flow& flow);
  Flow set_block(const Stmt& stmt, const ScopePtr& scope);
  Flow filter_block(const Stmt& stmt, const ScopePtr& scope);
  void generation(const Stmt& stmt, const ScopePtr& scope);
  void call_block(const Stmt& stmt, const ScopePtr& scope);
  void assign(const Target& target, const Value& value, const ScopePtr& scope);
  void assign_attribute(const Target& target, const Value& value, const ScopePtr& scope);
  void check_namespaces(const Target& target, const ScopePtr& scope);
  Value call_loop(const Value& loop, Args& args);
  Value macro(const Stmt& stmt, const ScopePtr& scope);
  Value call_macro(const Stmt& stmt, const ScopePtr& closure, Args& args);
  void bind_parameters(const Stmt& stmt, const ScopePtr& inner, Args& args);
  void emit(std::string_view text);

  Value evaluate(const Expr& expr, const ScopePtr& scope);
  Value compute(const Expr& expr, const ScopePtr& scope);
  Value lookup(const std::string& name, const ScopePtr& scope);
  Value compare(const Expr& expr, const ScopePtr& scope);
  Value concatenate(const Expr& expr, const ScopePtr& scope);
  Value item(const Expr& expr, const ScopePtr& scope);
  Value dict(const Expr& expr, const ScopePtr& scope);
  Value filtered(const Expr& expr, const ScopePtr& scope);
  Value tested(const Expr& expr, const ScopePtr& scope);
  Value conditional(const Expr& expr, const ScopePtr& scope);
  std::vector<Value> evaluate_all(const Expr& expr, const ScopePtr& scope, size_t from);
  Args arguments(const Expr& expr, const ScopePtr& scope, size_t from);

  const Parsed& parsed_;
  Limits limits_;
  int64_t now_s_;
  int line_ = 0;
  int depth_ = 0;
  std::string root_;  ///< printed outside every capture
  std::string* out_ = &root_;
  const Value* block_text_ = nullptr;  ///< what a filter block filters
  size_t counted_bytes_ = 0;
  size_t counted_points_ = 0;                     ///< code points in root_'s first counted_bytes_
  std::vector<std::pair<size_t, size_t>> spans_;  ///< in code points
  std::vector<std::shared_ptr<Object>> kept_;
  std::vector<ScopePtr> kept_scopes_;
};

/// dict(*args, **kwargs).
Value make_dict_from(Budget& budget, const Args& args);

/// The global functions: range, dict, namespace, cycler, joiner, raise_exception, strftime_now.
std::vector<std::pair<std::string, Value>> global_names();

}  // namespace temper::jinja
