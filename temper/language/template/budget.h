// What a rendering has left to spend. Every loop over template data and every string built goes
// through here, so a hostile template ends with an Error instead of the machine's memory or
// patience.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace temper::jinja {

/// Throws Error with `what`; the interpreter adds the place.
[[noreturn]] void fail(const std::string& what);

class Budget {
 public:
  Budget(int64_t steps, size_t bytes) : steps_(steps), allowed_(steps), bytes_(bytes) {}

  /// Throws Error when `steps` more are not left.
  void spend(size_t steps = 1);
  /// Throws Error when a text of `size` bytes is longer than allowed; spends a step per 64 bytes.
  void text(size_t size);
  /// The same for `count` pieces of `size` bytes, without overflow.
  void text(size_t size, size_t count);
  /// Throws when `size` is too long; spends nothing.
  void room(size_t size) const;
  /// Containers open while a value is printed or compared.
  int depth = 0;

 private:
  int64_t steps_, allowed_;
  size_t bytes_;
};

/// How deep values, calls and blocks may nest.
constexpr int kDeepestValue = 400;
constexpr int kDeepestCall = 1000;
constexpr int kDeepestSyntax = 100;

/// Counts a level of recursion while it lives; throws Error beyond `most`.
class Level {
 public:
  Level(int& depth, int most) : depth_(depth) {
    if (depth_ >= most) fail("nested deeper than " + std::to_string(most) + " levels");
    ++depth_;
  }
  ~Level() { --depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  int& depth_;
};

}  // namespace temper::jinja
