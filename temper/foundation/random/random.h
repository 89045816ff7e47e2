// Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as
// easy as 1, 2, 3", §3.3). A draw is a pure function of key = (run seed, purpose) and counter =
// four words, so any draw can be made again, in any order, on any thread. There is no stateful
// generator; `Sequence` is a counter that walks one fixed place of a stream.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace temper::random {

/// What randomness is for; each purpose has its own key. Never renumber: runs are resumed across
/// versions.
///
///   purpose     step             prompt         sample          token
///   Data        epoch            block          0               draw
///   Sample      optimizer step   prompt index   sample index    position in the completion
///   Init        tensor's number  0              element high    element low
///   Dropout     optimizer step   layer          row             element
///   Task        0                row            attempt         draw
///   Evaluate    evaluation       prompt index   sample index    position in the completion
///   Mix         epoch            0              0               draw
///   Request     request high     request low    sample index    position in the completion
///   Bootstrap   evaluation       0              0               draw
///   Dither      weight's number  0              element high    element low
///   Noise       optimizer step   row of batch   position        element
///   Test        free
enum class Purpose : uint32_t {
  Data = 1,       ///< order of rows
  Sample = 2,     ///< tokens sampled for training
  Init = 3,       ///< fresh weights
  Dropout = 4,    ///< masks
  Task = 5,       ///< texts of generated tasks, moves of environments
  Evaluate = 6,   ///< tokens sampled for evaluation
  Mix = 7,        ///< which source the next row comes from
  Request = 8,    ///< tokens sampled for a user: chat, sample, serve
  Bootstrap = 9,  ///< confidence intervals
  Test = 10,      ///< free
  Dither = 11,    ///< masters of a model stored in bfloat16
  Noise = 12      ///< on embeddings
};

using Words = std::array<uint32_t, 4>;

/// The bijection itself: ten rounds over the counter.
inline Words philox(Words c, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t a = uint64_t{0xD2511F53u} * c[0], b = uint64_t{0xCD9E8D57u} * c[2];
    c = {uint32_t(b >> 32) ^ c[1] ^ key[0], uint32_t(b), uint32_t(a >> 32) ^ c[3] ^ key[1],
         uint32_t(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return c;
}

/// 128 random bits, read as one number of the kind asked for. Reading twice gives the same number.
class Draw {
 public:
  explicit Draw(Words words) : words_(words) {}
  const Words& words() const { return words_; }
  uint64_t bits() const { return uint64_t{words_[1]} << 32 | words_[0]; }
  /// In (0, 1), both ends excluded; 23 bits.
  float uniform_float() const { return (float(words_[0] >> 9) + 0.5f) * 0x1p-23f; }
  /// In (0, 1), both ends excluded; 52 bits.
  double uniform() const { return unit(bits()); }
  double uniform(double low, double high) const { return low + (high - low) * uniform(); }
  /// In [0, n), n >= 1; bias below n / 2^64.
  uint64_t below(uint64_t n) const;
  bool chance(double probability) const { return uniform() < probability; }
  /// Mean 0, deviation 1 (Box and Muller). `normals` gives two independent ones.
  double normal() const { return normals().first; }
  std::pair<double, double> normals() const;

 private:
  static double unit(uint64_t bits) { return (double(bits >> 12) + 0.5) * 0x1p-52; }
  Words words_;
};

/// The four words of the counter; Purpose's table says what each means.
struct At {
  uint32_t step = 0;
  uint32_t prompt = 0;
  uint32_t sample = 0;
  uint32_t token = 0;
};

/// All draws of one run for one purpose. A value; copies draw the same.
class Stream {
 public:
  Stream(uint64_t seed, Purpose purpose);
  Draw at(At place) const {
    return Draw(philox({place.token, place.sample, place.prompt, place.step}, key_));
  }
  Draw at(uint32_t step, uint32_t prompt, uint32_t sample, uint32_t token) const {
    return at(At{step, prompt, sample, token});
  }
  /// An independent stream of the same purpose, for a numbered part (a task in a mixture, a
  /// tensor).
  Stream part(uint64_t number) const;

 private:
  explicit Stream(std::array<uint32_t, 2> key) : key_(key) {}
  std::array<uint32_t, 2> key_;
};

/// The 1st, 2nd, … draw at a fixed place of a stream: `token` counts from place.token upwards. For
/// code that makes a text or an order step by step; `drawn()` is all its state.
class Sequence {
 public:
  explicit Sequence(Stream stream, At place = {}) : stream_(stream), place_(place) {}
  Draw next();
  double uniform() { return next().uniform(); }
  double uniform(double low, double high) { return next().uniform(low, high); }
  uint64_t below(uint64_t n) { return next().below(n); }
  /// In [low, high], both included.
  int64_t between(int64_t low, int64_t high);
  bool chance(double probability) { return next().chance(probability); }
  double normal() { return next().normal(); }
  uint32_t drawn() const { return drawn_; }

  /// One element; `from` is not empty.
  template <class Container>
  const auto& choose(const Container& from) {
    return from[below(from.size())];
  }
  /// Fisher and Yates, from the last element down.
  template <class Container>
  void shuffle(Container& values) {
    for (size_t i = values.size(); i > 1; --i) {
      using std::swap;
      swap(values[i - 1], values[below(i)]);
    }
  }
  /// 0 … n-1 in random order.
  std::vector<size_t> permutation(size_t n);

 private:
  Stream stream_;
  At place_;
  uint32_t drawn_ = 0;
};

}  // namespace temper::random
