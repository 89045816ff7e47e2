#include "temper/language/token/splitter.h"

#include <algorithm>

#include "temper/language/token/unicode.h"

namespace temper::token {
namespace {

constexpr uint8_t kKinds =
    kLetter | kNumber | kSpace;  // of these three a code point has at most one

// Where the run of code points of one kind (0: none of the three) that goes through `at` ends.
size_t run_end(std::string_view text, size_t at, uint8_t kind) {
  while (at < text.size()) {
    Point point = point_at(text, at);
    if ((point.classes & kKinds) != kind) break;
    at += point.length;
  }
  return at;
}

// Length of 's 't 'm 'd 're 've 'll at `at`, or 0. Without case, the long s (U+017F) is an s.
size_t contraction(std::string_view text, size_t at, bool any_case) {
  auto letter = [&](size_t i) -> char {
    if (at + i >= text.size()) return '\0';
    char c = text[at + i];
    return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  };
  char first = letter(1), second = letter(2);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e')) return 3;
  if (first == 'l' && second == 'l') return 3;
  return any_case && first == '\xc5' && second == '\xbf' ? 3 : 0;
}

// \s+(?!\S)|\s+ at `at`: the run of spaces but its last, unless the text ends there or it is alone.
size_t spaces_end(std::string_view text, size_t at, size_t end) {
  if (end == text.size()) return end;
  size_t last = end - point_before(text, end).length;
  return last > at ? last : end;
}

template <class Emit>
void split_gpt2(std::string_view text, const Emit& emit) {
  for (size_t at = 0; at < text.size();) {
    size_t end = text[at] == '\'' ? at + contraction(text, at, false) : at;
    if (end == at) {
      size_t start = at;
      Point point = point_at(text, at);
      if (point.value == ' ' && at + 1 < text.size()) {
        Point next = point_at(text, at + 1);
        if (!(next.classes & kSpace)) start = at + 1, point = next;
      }
      uint8_t kind = point.classes & kKinds;
      end = run_end(text, start + point.length, kind);
      if (kind == kSpace) end = spaces_end(text, at, end);
    }
    emit(text.substr(at, end - at));
    at = end;
  }
}

bool is_break(char c) {
  return c == '\r' || c == '\n';
}

template <class Emit>
void split_llama3(std::string_view text, int digits, const Emit& emit) {
  // Where the match at `at` ends; the order of the cases is that of the expression.
  auto match = [&](size_t at) {
    Point point = point_at(text, at);
    if (point.value == '\'')
      if (size_t length = contraction(text, at, true)) return at + length;
    uint8_t kind = point.classes & kKinds;
    size_t end = at + point.length;
    if (kind == kLetter) return run_end(text, end, kLetter);
    if (kind == kNumber) {
      for (int taken = 1; taken < digits && end < text.size(); ++taken) {
        Point next = point_at(text, end);
        if (!(next.classes & kNumber)) break;
        end += next.length;
      }
      return end;
    }
    Point next = end < text.size() ? point_at(text, end) : Point{0, kSpace, 0};
    if ((next.classes & kLetter) && !is_break(text[at])) return run_end(text, end, kLetter);
    if (kind == 0 || (point.value == ' ' && (next.classes & kKinds) == 0)) {
      end = run_end(text, end, 0);
      while (end < text.size() && is_break(text[end])) ++end;
      return end;
    }
    end = run_end(text, end, kSpace);
    for (size_t i = end; i > at; --i)
      if (is_break(text[i - 1])) return i;
    return spaces_end(text, at, end);
  };
  for (size_t at = 0; at < text.size();) {
    size_t end = match(at);
    emit(text.substr(at, end - at));
    at = end;
  }
}

template <class Emit>
void split_digits(std::string_view text, bool individual, const Emit& emit) {
  for (size_t at = 0; at < text.size();) {
    Point point = point_at(text, at);
    uint8_t numeric = point.classes & kNumeric;
    size_t end = at + point.length;
    while (end < text.size() && !(individual && numeric)) {
      point = point_at(text, end);
      if ((point.classes & kNumeric) != numeric) break;
      end += point.length;
    }
    emit(text.substr(at, end - at));
    at = end;
  }
}

// What a Split makes of its matches.
std::vector<Cut> arranged(std::vector<Cut> cuts, Behaviour behaviour) {
  std::vector<Cut> out;
  switch (behaviour) {
    case Behaviour::Isolated:
      return cuts;
    case Behaviour::Removed:
      std::erase_if(cuts, [](const Cut& cut) { return cut.match; });
      return cuts;
    case Behaviour::Contiguous:
      for (const Cut& cut : cuts) {
        if (!out.empty() && out.back().match == cut.match) {
          out.back().end = cut.end;
        } else {
          out.push_back(cut);
        }
      }
      return out;
    case Behaviour::MergedWithPrevious:
    case Behaviour::MergedWithNext: {
      bool backwards = behaviour == Behaviour::MergedWithNext, after_match = false;
      if (backwards) std::reverse(cuts.begin(), cuts.end());
      for (const Cut& cut : cuts) {
        if (cut.match && !after_match && !out.empty()) {
          (backwards ? out.back().begin : out.back().end) = backwards ? cut.begin : cut.end;
        } else {
          out.push_back(cut);
        }
        after_match = cut.match;
      }
      if (backwards) std::reverse(out.begin(), out.end());
      return out;
    }
  }
  return out;
}

void split_from(const Step* step, const Step* end, std::string_view text, const Sink& sink) {
  if (step == end) return sink(text);
  auto next = [step, end, &sink](std::string_view piece) {
    if (step + 1 == end) {
      sink(piece);
    } else {
      split_from(step + 1, end, piece, sink);
    }
  };
  switch (step->kind) {
    case Step::Kind::Gpt2:
      return split_gpt2(text, next);
    case Step::Kind::Llama3:
      return split_llama3(text, step->digits, next);
    case Step::Kind::Digits:
      return split_digits(text, step->individual, next);
    case Step::Kind::Prefix:
      return next(text.front() == ' ' ? text : std::string_view(" " + std::string(text)));
    case Step::Kind::Regex: {
      auto cuts = step->pattern->cuts(text);
      for (Cut& cut : cuts) cut.match ^= step->invert;
      for (const Cut& cut : arranged(std::move(cuts), step->behaviour))
        next(text.substr(cut.begin, cut.end - cut.begin));
    }
  }
}

}  // namespace

const std::string& llama3_expression() {
  static const std::string text =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
      "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  return text;
}

const std::string& qwen2_expression() {
  static const std::string text =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
      "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  return text;
}

Step split_step(const std::string& expression, Behaviour behaviour, bool invert,
                const std::string& where) {
  // The expressions leave nothing between matches, so these cuts are the pieces.
  bool pieces = behaviour == Behaviour::Isolated || (behaviour == Behaviour::Removed && invert);
  if (pieces && expression == llama3_expression()) return {.kind = Step::Kind::Llama3, .digits = 3};
  if (pieces && expression == qwen2_expression()) return {.kind = Step::Kind::Llama3, .digits = 1};
  return {.kind = Step::Kind::Regex,
          .pattern = Pattern(expression, false, where),
          .behaviour = behaviour,
          .invert = invert};
}

void split(const std::vector<Step>& steps, std::string_view text, const Sink& sink) {
  if (!text.empty()) split_from(steps.data(), steps.data() + steps.size(), text, sink);
}

}  // namespace temper::token
