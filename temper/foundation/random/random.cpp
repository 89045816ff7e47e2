#include "temper/foundation/random/random.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include "temper/foundation/error/error.h"

namespace temper::random {
namespace {

// The finaliser of SplitMix64 (Steele et al. 2014), a bijection that spreads every bit.
uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

std::array<uint32_t, 2> halves(uint64_t x) {
  return {uint32_t(x), uint32_t(x >> 32)};
}

}  // namespace

uint64_t Draw::below(uint64_t n) const {
  ASSERT(n > 0, "a range that is not empty");
  return uint64_t(static_cast<unsigned __int128>(bits()) * n >> 64);
}

std::pair<double, double> Draw::normals() const {
  double radius = std::sqrt(-2 * std::log(uniform()));
  double angle = 2 * std::numbers::pi * unit(uint64_t{words_[3]} << 32 | words_[2]);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

Stream::Stream(uint64_t seed, Purpose purpose)
    : key_(halves(mix(mix(seed) ^ static_cast<uint64_t>(purpose)))) {}

Stream Stream::part(uint64_t number) const {
  uint64_t key = uint64_t{key_[1]} << 32 | key_[0];
  return Stream(halves(mix(mix(key) ^ mix(number + 1))));
}

Draw Sequence::next() {
  ASSERT(drawn_ < UINT32_MAX - place_.token, "fewer than 2^32 draws at one place");
  At here = place_;
  here.token += drawn_++;
  return stream_.at(here);
}

int64_t Sequence::between(int64_t low, int64_t high) {
  ASSERT(low <= high, "a range that is not empty");
  uint64_t count = uint64_t(high) - uint64_t(low) + 1;  // 0 when it is all of them
  return int64_t(uint64_t(low) + (count == 0 ? next().bits() : below(count)));
}

std::vector<size_t> Sequence::permutation(size_t n) {
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  shuffle(order);
  return order;
}

}  // namespace temper::random
