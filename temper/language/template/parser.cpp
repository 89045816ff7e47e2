#include "temper/language/template/parser.h"

#include <algorithm>

#include "temper/foundation/error/error.h"
#include "temper/language/template/parser_state.h"

namespace temper::jinja {
namespace {

class Parser : ExpressionParser {
 public:
  Parser(std::vector<Token> tokens, const std::string& where)
      : ExpressionParser(std::move(tokens), where) {}

  Parsed run() {
    Parsed parsed;
    parsed.where = where_;
    try {
      parsed.body = body({});
    } catch (const Error& error) {
      if (!error.parts().where.empty()) throw;
      fail_here(error.parts().what);  // too deep
    }
    parsed.has_generation = has_generation_;
    return parsed;
  }

 private:
  using Ends = std::initializer_list<std::string_view>;

  // Up to a block that starts with one of `ends` (its name is the next token), or the template's
  // end.
  Body body(Ends ends) {
    Level level(blocks_, kDeepestSyntax);
    Body made;
    while (!is(Type::End)) {
      int line = now().line;
      if (is(Type::Data)) {
        made.push_back(begun(Stmt::Kind::Text, line));
        made.back().text = take().text;
      } else if (is(Type::PrintBegin)) {
        take();
        made.push_back(begun(Stmt::Kind::Print, line));
        made.back().value = tuple({});
        settle_unknown();
        if (!is(Type::PrintEnd)) unexpected("end of print statement");
        take();
      } else {
        take();  // BlockBegin: tag bodies end before anything else can follow
        if (std::any_of(ends.begin(), ends.end(), [&](auto end) { return is_name(end); }))
          return made;
        made.push_back(statement());
        end_block();
      }
    }
    if (ends.size() > 0) {
      std::string wanted;
      for (auto end : ends) wanted += (wanted.empty() ? "'" : " or '") + std::string(end) + "'";
      fail_here("Unexpected end of template. Jinja was looking for the following tags: " + wanted +
                ".");
    }
    return made;
  }

  static Stmt begun(Stmt::Kind kind, int line) {
    Stmt made;
    made.kind = kind;
    made.line = line;
    return made;
  }

  void end_block() {
    if (!is(Type::BlockEnd)) unexpected("end of statement block");
    take();
  }

  Body block(Ends ends) {
    skip_op(":");
    end_block();
    return body(ends);
  }

  // The body of a block that nothing but its own end closes.
  Body closed_block(std::string_view end) {
    Body made = block({end});
    take();
    return made;
  }

  Stmt statement() {
    if (!is(Type::Name)) fail_here("tag name expected");
    Token tag = now();
    const std::string& name = tag.text;
    if (name == "if") return if_block();
    if (name == "for") return for_block();
    if (name == "set") return set_block();
    if (name == "macro") return macro();
    if (name == "call") return call_block();
    if (name == "filter") return filter_block();
    if (name == "with") return with_block();
    if (name == "generation") return generation();
    if (name == "break" || name == "continue") {
      take();
      if (loops_ == 0) fail_at("'" + name + "' outside loop", where_, tag.line);
      return begun(name == "break" ? Stmt::Kind::Break : Stmt::Kind::Continue, tag.line);
    }
    for (std::string_view known :
         {"block", "extends", "include", "import", "from", "autoescape", "print"}) {
      if (name == known) fail_here("the tag '" + name + "' is not supported in chat templates");
    }
    fail_here("Encountered unknown tag '" + name + "'.");
  }

  Stmt if_block() {
    Stmt made = begun(Stmt::Kind::If, take().line);
    ++guards_;
    made.value = tuple({.with_if = false});
    made.body = block({"elif", "else", "endif"});
    if (is_name("elif")) {
      Level level(blocks_, kDeepestSyntax);
      made.otherwise.push_back(if_block());  // takes the endif
    } else if (skip_name("else")) {
      made.otherwise = closed_block("endif");
    } else {
      take();
    }
    --guards_;
    settle_unknown();
    return made;
  }

  Stmt for_block() {
    Stmt made = begun(Stmt::Kind::For, take().line);
    int guards = std::exchange(guards_, 0);
    ++targets_;
    made.target = target("in", false);
    --targets_;
    expect_name("in");
    made.value = tuple({.with_if = false, .end_name = "recursive"});
    if (skip_name("if")) made.test = expression();
    made.recursive = skip_name("recursive");
    settle_unknown();
    int loops = std::exchange(loops_, made.recursive ? 1 : loops_ + 1);
    ++targets_;
    made.body = block({"endfor", "else"});
    loops_ = made.recursive ? 0 : loops;
    if (take().text == "else") made.otherwise = closed_block("endfor");
    --targets_;
    loops_ = loops;
    guards_ = guards;
    return made;
  }

  Stmt set_block() {
    Stmt made = begun(Stmt::Kind::Set, take().line);
    made.target = target("", true);
    if (skip_op("=")) {
      made.value = tuple({});
      settle_unknown();
      return made;
    }
    made.kind = Stmt::Kind::SetBlock;
    made.value = filters(nullptr);
    settle_unknown();
    int guards = std::exchange(guards_, 0);
    made.body = closed_block("endset");
    guards_ = guards;
    return made;
  }

  void signature(Stmt& into) {
    expect_op("(");
    while (!is_op(")")) {
      if (!into.parameters.empty()) expect_op(",");
      std::string name = take_name();
      ExprPtr value = skip_op("=") ? expression() : nullptr;
      if (!value && !into.parameters.empty() && into.parameters.back().second) {
        fail_here("non-default argument follows default argument");
      }
      into.parameters.emplace_back(std::move(name), std::move(value));
    }
    take();
  }

  // A body that runs as a function of its own: no loop or condition around it reaches inside.
  void function_body(Stmt& into, std::string_view end) {
    int loops = std::exchange(loops_, 0), guards = std::exchange(guards_, 0);
    into.body = closed_block(end);
    loops_ = loops;
    guards_ = guards;
    into.uses_caller = uses_.back().caller;
    into.uses_kwargs = uses_.back().kwargs;
    into.uses_varargs = uses_.back().varargs;
    uses_.pop_back();
    for (auto& [name, fallback] : into.parameters) {
      if (name == "kwargs") into.uses_kwargs = false;
      if (name == "varargs") into.uses_varargs = false;
      if (name != "caller") continue;
      if (into.uses_caller && !fallback) {
        fail_at("the special \"caller\" argument must be omitted or be given a default", where_,
                into.line);
      }
    }
  }

  Stmt macro() {
    Stmt made = begun(Stmt::Kind::Macro, take().line);
    made.text = take_name();
    signature(made);
    settle_unknown();
    uses_.emplace_back();
    function_body(made, "endmacro");
    return made;
  }

  Stmt call_block() {
    Stmt made = begun(Stmt::Kind::CallBlock, take().line);
    if (is_op("(")) signature(made);
    made.value = expression();
    settle_unknown();
    if (made.value->op != Op::Call) fail_at("expected call", where_, made.line);
    uses_.emplace_back();
    function_body(made, "endcall");
    return made;
  }

  Stmt filter_block() {
    Stmt made = begun(Stmt::Kind::FilterBlock, take().line);
    made.value = filters(nullptr, /*starts_inline=*/true);
    settle_unknown();
    int guards = std::exchange(guards_, 0);
    made.body = closed_block("endfilter");
    guards_ = guards;
    return made;
  }

  Stmt with_block() {
    Stmt made = begun(Stmt::Kind::With, take().line);
    while (!is(Type::BlockEnd)) {
      if (!made.parameters.empty()) expect_op(",");
      std::string name = take_name();
      expect_op("=");
      made.parameters.emplace_back(std::move(name), expression());
    }
    settle_unknown();
    int guards = std::exchange(guards_, 0);
    made.body = closed_block("endwith");
    guards_ = guards;
    return made;
  }

  Stmt generation() {
    Stmt made = begun(Stmt::Kind::Generation, take().line);
    has_generation_ = true;
    uses_.emplace_back();
    function_body(made, "endgeneration");
    return made;
  }

  Target target(std::string_view end_name, bool with_attribute) {
    Level level(depth_, kDeepestSyntax);
    Target made;
    while (true) {
      if (!made.items.empty()) expect_op(",");
      if (at_tuple_end(end_name)) break;
      made.items.push_back(one_target(with_attribute));
      if (!is_op(",")) break;
      made.is_tuple = true;
    }
    if (made.is_tuple) return made;
    if (made.items.empty()) fail_here("Expected an expression");
    Target only = std::move(made.items[0]);
    return only;
  }

  Target one_target(bool with_attribute) {
    Target made;
    if (skip_op("(")) {
      made = target("", false);
      expect_op(")");
      return made;
    }
    if (!is(Type::Name)) fail_here("can't assign to this");
    made.name = take().text;
    for (std::string_view constant : {"true", "false", "none", "True", "False", "None"}) {
      if (made.name == constant) fail_here("can't assign to 'const'");
    }
    if (with_attribute && skip_op(".")) made.attribute = take_name();
    if (made.name == "loop" && made.attribute.empty() && targets_ > 0) {
      fail_here("Can't assign to special loop variable in for-loop target");
    }
    return made;
  }

  int blocks_ = 0;   ///< blocks around
  int loops_ = 0;    ///< loops around that break and continue can reach
  int targets_ = 0;  ///< for blocks around, in which `loop` cannot be assigned
  bool has_generation_ = false;
};

}  // namespace

Parsed parse_template(std::string_view source, const std::string& where) {
  return Parser(tokenize(source, where), where).run();
}

}  // namespace temper::jinja
