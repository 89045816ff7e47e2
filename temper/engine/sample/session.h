// The work of one call of Sampler::speak().
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "temper/engine/kernel/attention.h"
#include "temper/language/chat/speaker.h"

namespace temper::sample {

class Sampler;

/// Cache blocks that this many positions take.
inline int64_t blocks_for(int64_t positions) {
  return (positions + kernel::kKvBlock - 1) / kernel::kKvBlock;
}

std::vector<std::vector<chat::Completion>> run_session(Sampler& sampler,
                                                       std::span<const chat::Request> requests);

}  // namespace temper::sample
