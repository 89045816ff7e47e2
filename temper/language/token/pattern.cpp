#include "temper/language/token/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "temper/foundation/error/error.h"
#include "temper/language/token/unicode.h"

namespace temper::token {
namespace {

std::string message_of(int code) {
  char text[200] = "";
  pcre2_get_error_message(code, reinterpret_cast<PCRE2_UCHAR*>(text), sizeof text);
  return text;
}

// Writes \s, \S, \p{L}, \p{N} out as classes, inside a class and outside; everything else stays.
std::string widened(const std::string& expression) {
  const std::string space =
      "\\x{9}-\\x{d} "
      "\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
  const std::string letters = "\\p{L}" + newer_letters(), numbers = "\\p{N}" + newer_numbers();
  std::string out;
  bool in_class = false;
  auto put = [&](const std::string& members) { out += in_class ? members : "[" + members + "]"; };
  for (size_t i = 0; i < expression.size(); ++i) {
    char c = expression[i];
    if (c != '\\' || i + 1 == expression.size()) {
      if (c == '[' && !in_class) {
        in_class = true;
        // A ']' that comes first is a member.
        out += c;
        if (i + 1 < expression.size() && expression[i + 1] == '^') out += expression[++i];
        if (i + 1 < expression.size() && expression[i + 1] == ']')
          out += "\\" + std::string(1, expression[++i]);
        continue;
      }
      if (c == ']') in_class = false;
      out += c;
    } else if (expression[i + 1] == 's') {
      put(space), ++i;
    } else if (expression[i + 1] == 'S' && !in_class) {
      out += "[^" + space + "]", ++i;
    } else if (expression.compare(i, 5, "\\p{L}") == 0) {
      put(letters), i += 4;
    } else if (expression.compare(i, 5, "\\p{N}") == 0) {
      put(numbers), i += 4;
    } else {
      out += c;
      out += expression[++i];
    }
  }
  return out;
}

}  // namespace

struct Pattern::Compiled {
  pcre2_code* code = nullptr;
  std::string expression;
  ~Compiled() { pcre2_code_free(code); }
};

Pattern::Pattern(const std::string& expression, bool literal, const std::string& where) {
  auto compiled = std::make_shared<Compiled>();
  compiled->expression = expression;
  std::string text = literal ? expression : widened(expression);
  int code = 0;
  PCRE2_SIZE at = 0;
  uint32_t options = PCRE2_UTF | (literal ? PCRE2_LITERAL : PCRE2_UCP);
  compiled->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), options,
                                 &code, &at, nullptr);
  if (compiled->code == nullptr) {
    throw Error(
        {"the pre-tokenizer's pattern '" + expression + "' does not compile: " + message_of(code),
         where, ""});
  }
  pcre2_jit_compile(compiled->code, PCRE2_JIT_COMPLETE);  // without it matching is slower, no more
  compiled_ = std::move(compiled);
}

void Pattern::cut_valid(std::string_view text, size_t begin, size_t end,
                        std::vector<Cut>& out) const {
  struct Free {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  };
  std::unique_ptr<pcre2_match_data, Free> data(
      pcre2_match_data_create_from_pattern(compiled_->code, nullptr));
  auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data() + begin);
  size_t size = end - begin, done = 0, from = 0;
  while (from <= size) {
    int code =
        pcre2_match(compiled_->code, subject, size, from, PCRE2_NO_UTF_CHECK, data.get(), nullptr);
    if (code == PCRE2_ERROR_JIT_STACKLIMIT) {
      code = pcre2_match(compiled_->code, subject, size, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                         data.get(), nullptr);
    }
    if (code == PCRE2_ERROR_NOMATCH) break;
    if (code < 0) {
      throw Error({"the pre-tokenizer's pattern '" + compiled_->expression +
                       "' gave up on a text of " + std::to_string(size) +
                       " bytes: " + message_of(code),
                   "", "give the text in smaller parts"});
    }
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data.get());
    size_t first = ends[0], last = ends[1];
    bool empty = last <= first;
    if (first > done) out.push_back({begin + done, begin + first, false});
    if (!empty) out.push_back({begin + first, begin + last, true});
    done = empty ? first : last;
    from = empty ? first + (first < size ? point_at(text, begin + first).length : 1) : last;
  }
  if (done < size) out.push_back({begin + done, end, false});
}

std::vector<Cut> Pattern::cuts(std::string_view text) const {
  std::vector<Cut> out;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    bool valid = is_valid(text, at);
    while (end < text.size() && is_valid(text, end) == valid) end += point_at(text, end).length;
    if (valid) {
      cut_valid(text, at, end, out);
    } else {
      out.push_back({at, end, false});
    }
    at = end;
  }
  return out;
}

}  // namespace temper::token
