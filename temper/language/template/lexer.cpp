// The rules are those of jinja2.lexer's regular expressions: a tag's "-" strips all white space
// beside it, a "+" keeps it; otherwise one newline behind a block or comment goes, and white space
// before one that starts its line.
#include "temper/language/template/lexer.h"

#include <algorithm>
#include <charconv>

#include "temper/foundation/error/error.h"
#include "temper/language/template/literal.h"
#include "temper/language/template/unicode.h"

namespace temper::jinja {
namespace {

using Type = Token::Type;

// \r\n and \r become \n; one newline at the end goes.
std::string normalized(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t k = 0; k < source.size(); ++k) {
    if (source[k] != '\r') {
      out += source[k];
    } else if (k + 1 == source.size() || source[k + 1] != '\n') {
      out += '\n';
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

bool all_space(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    if (!is_space(next_point(text, at))) return false;
  }
  return true;
}

std::string_view right_stripped(std::string_view text) {
  while (!text.empty()) {
    size_t begin = text.size() - 1;
    while (begin > 0 && (text[begin] & 0xC0) == 0x80) --begin;
    size_t at = begin;
    if (!is_space(next_point(text, at))) break;
    text = text.substr(0, begin);
  }
  return text;
}

class Lexer {
 public:
  Lexer(std::string source, const std::string& where) : source_(std::move(source)), where_(where) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) data();
    add(Type::End, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail_here(const std::string& what) { fail_at(what, where_, line_); }

  bool starts(std::string_view text, size_t at) const {
    return std::string_view(source_).substr(std::min(at, source_.size()), text.size()) == text;
  }

  void add(Type type, std::string text, Value value = {}) {
    tokens_.push_back({type, std::move(text), std::move(value), line_});
  }

  // Moves to `end`, counting lines.
  void advance(size_t end) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<ptrdiff_t>(at_),
                                         source_.begin() + static_cast<ptrdiff_t>(end), '\n'));
    line_starting_ = end > at_ ? source_[end - 1] == '\n' : line_starting_;
    at_ = end;
  }

  size_t behind_space(size_t at) const {
    while (at < source_.size()) {
      size_t next = at;
      if (!is_space(next_point(source_, next))) break;
      at = next;
    }
    return at;
  }

  // Where a tag's closing mark at `at` ends, with the white space it takes along; 0 if there is
  // none.
  size_t closed(std::string_view mark, size_t at, bool trims_newline) const {
    if (starts("-", at) && starts(mark, at + 1)) return behind_space(at + 1 + mark.size());
    if (trims_newline && starts("+", at) && starts(mark, at + 1)) return at + 1 + mark.size();
    if (!starts(mark, at)) return 0;
    at += mark.size();
    return trims_newline && starts("\n", at) ? at + 1 : at;
  }

  void add_data(std::string_view text, char sign, bool left_strips) {
    if (sign == '-') {
      text = right_stripped(text);
    } else if (sign != '+' && left_strips) {
      size_t line = text.rfind('\n') + 1;  // npos + 1 = 0
      bool starts_line = line > 0 || line_starting_;
      if (starts_line && line < text.size() && all_space(text.substr(line)))
        text = text.substr(0, line);
    }
    if (!text.empty()) add(Type::Data, std::string(text));
  }

  char sign_at(size_t at) const {
    return at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at] : ' ';
  }

  void data() {
    size_t tag = at_;
    while (true) {
      tag = source_.find('{', tag);
      if (tag == std::string::npos || tag + 1 >= source_.size()) {
        add_data(std::string_view(source_).substr(at_), '+', false);
        return advance(source_.size());
      }
      char kind = source_[tag + 1];
      if (kind == '%' || kind == '{' || kind == '#') break;
      ++tag;
    }
    char kind = source_[tag + 1], sign = sign_at(tag + 2);
    add_data(std::string_view(source_).substr(at_, tag - at_), sign, kind != '{');
    size_t inside = tag + (sign == ' ' ? 2 : 3);
    advance(tag);
    if (kind == '#') return comment(inside);
    if (kind == '%') {
      if (size_t end = raw_begin(inside)) return raw(end);
    }
    add(kind == '%' ? Type::BlockBegin : Type::PrintBegin, "");
    advance(inside);
    tag_body(kind == '%' ? "%}" : "}}", kind == '%');
  }

  void comment(size_t inside) {
    for (size_t end = inside; (end = source_.find("#}", end)) != std::string::npos; ++end) {
      size_t mark =
          end > inside && (source_[end - 1] == '-' || source_[end - 1] == '+') ? end - 1 : end;
      return advance(closed("#}", mark, true));
    }
    fail_here("Missing end of comment tag");
  }

  size_t raw_begin(size_t inside) const {
    size_t at = behind_space(inside);
    return starts("raw", at) ? closed("%}", behind_space(at + 3), false) : 0;
  }

  void raw(size_t begin) {
    advance(begin);
    for (size_t tag = begin; (tag = source_.find("{%", tag)) != std::string::npos; ++tag) {
      char sign = sign_at(tag + 2);
      size_t at = behind_space(tag + (sign == ' ' ? 2 : 3));
      if (!starts("endraw", at)) continue;
      size_t end = closed("%}", behind_space(at + 6), true);
      if (end == 0) continue;
      add_data(std::string_view(source_).substr(begin, tag - begin), sign, true);
      return advance(end);
    }
    fail_here("Missing end of raw directive");
  }

  void tag_body(std::string_view mark, bool block) {
    std::string open;  // brackets
    while (true) {
      if (open.empty()) {
        if (size_t end = closed(mark, at_, block)) {
          add(block ? Type::BlockEnd : Type::PrintEnd, "");
          return advance(end);
        }
      }
      size_t next = behind_space(at_);
      if (next > at_) {
        advance(next);
        continue;
      }
      if (at_ >= source_.size()) return;  // the parser says what is missing
      if (number() || name() || text()) continue;
      operation(open);
    }
  }

  bool number() {
    std::string_view rest = std::string_view(source_).substr(at_);
    size_t size = float_size(rest);
    if (size > 0 && (at_ == 0 || source_[at_ - 1] != '.')) {
      add(Type::Number, "", Value::of(read_double(rest.substr(0, size))));
    } else if ((size = integer_size(rest)) > 0) {
      auto value = read_integer(rest.substr(0, size), 0);
      if (!value)
        fail_here("the integer " + std::string(rest.substr(0, std::min<size_t>(size, 40))) +
                  " needs more than 64 bits");
      add(Type::Number, "i", Value::of(*value));
    } else {
      return false;
    }
    advance(at_ + size);
    return true;
  }

  bool name() {
    size_t end = at_;
    while (end < source_.size()) {
      size_t next = end;
      if (!is_word(next_point(source_, next))) break;
      end = next;
    }
    if (end == at_) return false;
    size_t first = at_;
    char32_t lead = next_point(source_, first);
    if (lead != U'_' && !is_alpha(lead)) fail_here("Invalid character in identifier");
    add(Type::Name, source_.substr(at_, end - at_));
    advance(end);
    return true;
  }

  bool text() {
    char quote = source_[at_];
    if (quote != '\'' && quote != '"') return false;
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return false;
    try {
      Budget budget(int64_t{1} << 40, source_.size() * 10 + 10);
      std::string value = unescaped(std::string_view(source_).substr(at_ + 1, end - at_ - 1));
      add(Type::Text, "", make_text(budget, std::move(value)));
    } catch (const Error& error) {
      fail_here(error.parts().what);
    }
    advance(end + 1);
    return true;
  }

  void operation(std::string& open) {
    for (std::string_view op :
         {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
          "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"}) {
      if (!starts(op, at_)) continue;
      if (op == "(" || op == "[" || op == "{") {
        open += op == "(" ? ')' : op == "[" ? ']' : '}';
      } else if (op == ")" || op == "]" || op == "}") {
        if (open.empty()) fail_here("unexpected '" + std::string(op) + "'");
        if (open.back() != op[0]) {
          fail_here("unexpected '" + std::string(op) + "', expected '" + open.back() + "'");
        }
        open.pop_back();
      }
      add(Type::Operator, std::string(op));
      return advance(at_ + op.size());
    }
    size_t next = at_;
    std::string point;
    append_point(point, next_point(source_, next));
    fail_here("unexpected char '" + point + "'");
  }

  std::string source_;
  const std::string& where_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
};

}  // namespace

void fail_at(const std::string& what, const std::string& where, int line) {
  throw Error({what, where + ":" + std::to_string(line), ""});
}

std::vector<Token> tokenize(std::string_view source, const std::string& where) {
  if (!valid_utf8(source)) throw Error({"the template is not UTF-8", where, ""});
  return Lexer(normalized(source), where).run();
}

}  // namespace temper::jinja
