// The work of one call of Sampler::speak().
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "temper/engine/kernel/attention.h"
#include "temper/language/chat/speaker.h"

namespace temper::sample {

class Sampler;

/// Cache blocks that this many positions take.
inline int64_t blocks_for(int64_t positions) {
  return (positions + kernel::kKvBlock - 1) / kernel::kKvBlock;
}

/// Where an error was: nowhere to look when there is one alone.
inline std::string named(const char* what, size_t number, size_t of) {
  return of == 1 ? "" : what + (" " + std::to_string(number));
}

/// Throws Error for an id that the model has no embedding for.
void check_ids(std::span<const int32_t> ids, int64_t vocabulary, const std::string& where);

std::vector<std::vector<chat::Completion>> run_session(Sampler& sampler,
                                                       std::span<const chat::Request> requests);

}  // namespace temper::sample
