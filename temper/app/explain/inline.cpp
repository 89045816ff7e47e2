#include "temper/app/explain/inline.h"

#include <algorithm>
#include <utility>

#include "temper/foundation/text/utf8.h"

namespace temper::explain {
namespace {

bool is_one_of(char c, std::string_view set) {
  return set.find(c) != set.npos;
}

/// What is never broken: a word, or one wide character.
struct Atom {
  Line runs;
  int cells = 0;
  bool spaced = false;  // a space stands before it
};

class Reader {
 public:
  std::vector<Atom> read(std::string_view text) {
    walk(text, Style::Plain);
    end_atom();
    return std::move(atoms_);
  }

 private:
  void walk(std::string_view text, Style style) {
    for (size_t at = 0; at < text.size();) at = step(text, at, style);
  }

  /// Takes one mark or one character; returns where the next begins.
  size_t step(std::string_view text, size_t at, Style style) {
    const char c = text[at];
    if (c == '\\' && at + 1 < text.size() && is_one_of(text[at + 1], "\\`*|[]_")) {
      put(text.substr(at + 1, 1), style);
      return at + 2;
    }
    if (c == '`') {
      const size_t end = text.find('`', at + 1);
      if (end != text.npos) {
        literal(text.substr(at + 1, end - at - 1));
        return end + 1;
      }
    }
    if (c == '*') {
      const std::string_view mark = text.substr(at, text.substr(at).starts_with("**") ? 2 : 1);
      const size_t begin = at + mark.size(), end = text.find(mark, begin);
      const bool opens = begin < text.size() && text[begin] != ' ' && starts_word(text, at);
      if (opens && end != text.npos && end > begin) {
        walk(text.substr(begin, end - begin), Style::Bold);
        return end + mark.size();
      }
    }
    if (c == '[') {
      const size_t middle = text.find(']', at), end = text.find(')', middle);
      if (end != text.npos && text[middle + 1] == '(') {
        walk(text.substr(at + 1, middle - at - 1), style);
        const std::string_view address = text.substr(middle + 2, end - middle - 2);
        if (address.starts_with("http")) walk(" (" + std::string(address) + ")", style);
        return end + 1;
      }
    }
    const int bytes = text::decode_utf8(text, at).bytes;
    put(text.substr(at, static_cast<size_t>(bytes)), style);
    return at + static_cast<size_t>(bytes);
  }

  static bool starts_word(std::string_view text, size_t at) {
    return at == 0 || is_one_of(text[at - 1], " (\n");
  }

  /// A name stands by itself; what has spaces, such as a command, keeps its marks.
  void literal(std::string_view name) {
    const bool spaced = name.find(' ') != name.npos;
    const std::string code = spaced ? "`" + std::string(name) + "`" : std::string(name);
    for (size_t at = 0; at < code.size();) {
      const auto bytes = static_cast<size_t>(text::decode_utf8(code, at).bytes);
      put(std::string_view(code).substr(at, bytes), Style::Code);
      at += bytes;
    }
  }

  void put(std::string_view character, Style style) {
    if (character == " " || character == "\n" || character == "\t") {
      end_atom();
      space_ = true;
      return;
    }
    const int cells = text::width(character);
    if (cells > 1) end_atom();
    if (atom_.runs.empty()) atom_.spaced = std::exchange(space_, false);
    if (atom_.runs.empty() || atom_.runs.back().style != style) atom_.runs.push_back({"", style});
    atom_.runs.back().text += character;
    atom_.cells += cells;
    if (cells > 1) end_atom();
  }

  void end_atom() {
    if (!atom_.runs.empty()) atoms_.push_back(std::exchange(atom_, {}));
  }

  std::vector<Atom> atoms_;
  Atom atom_;
  bool space_ = false;
};

void append(Line& line, const Run& run) {
  if (!line.empty() && line.back().style == run.style) {
    line.back().text += run.text;
  } else {
    line.push_back(run);
  }
}

/// Pieces of at most `cells` cells; an atom that fits stays whole.
std::vector<Atom> cut(const Atom& atom, int cells) {
  if (atom.cells <= cells) return {atom};
  std::vector<Atom> pieces(1);
  pieces[0].spaced = atom.spaced;
  for (const Run& run : atom.runs) {
    for (size_t at = 0; at < run.text.size();) {
      const auto bytes = static_cast<size_t>(text::decode_utf8(run.text, at).bytes);
      const std::string character = run.text.substr(at, bytes);
      const int wide = text::width(character);
      if (pieces.back().cells + wide > cells && pieces.back().cells > 0) pieces.emplace_back();
      append(pieces.back().runs, {character, run.style});
      pieces.back().cells += wide;
      at += bytes;
    }
  }
  return pieces;
}

}  // namespace

std::string plain(std::string_view markdown) {
  std::string text;
  for (const Atom& atom : Reader().read(markdown)) {
    if (atom.spaced && !text.empty()) text += ' ';
    for (const Run& run : atom.runs) text += run.text;
  }
  return text;
}

int inline_width(std::string_view markdown) {
  return text::width(plain(markdown));
}

int longest_word(std::string_view markdown) {
  int most = 0;
  for (const Atom& atom : Reader().read(markdown)) most = std::max(most, atom.cells);
  return most;
}

std::vector<Line> wrapped(std::string_view markdown, int cells) {
  std::vector<Line> lines(1);
  int used = 0;
  for (const Atom& word : Reader().read(markdown)) {
    for (const Atom& atom : cut(word, std::max(1, cells))) {
      const int gap = atom.spaced && used > 0 ? 1 : 0;
      if (used > 0 && used + gap + atom.cells > cells) {
        lines.emplace_back();
        used = 0;
      } else if (gap > 0) {
        const bool goes_on = lines.back().back().style == atom.runs.front().style;
        append(lines.back(), {" ", goes_on ? atom.runs.front().style : Style::Plain});
        ++used;
      }
      for (const Run& run : atom.runs) append(lines.back(), run);
      used += atom.cells;
    }
  }
  return lines;
}

int width(const Line& line) {
  int cells = 0;
  for (const Run& run : line) cells += text::width(run.text);
  return cells;
}

std::string painted(const Line& line, const runlog::Terminal& terminal) {
  std::string out;
  for (const Run& run : line) {
    out += run.style == Style::Plain  ? run.text
           : run.style == Style::Bold ? runlog::paint(terminal, runlog::Color::Bold, run.text)
                                      : runlog::paint(terminal, runlog::Color::Green, run.text);
  }
  return out;
}

}  // namespace temper::explain
