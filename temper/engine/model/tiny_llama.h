// A small Llama for tests.
#pragma once

#include "temper/engine/weights/config.h"

namespace temper::model {

/// Two layers of four heads over two of keys and values, a tied head.
inline weights::ModelConfig tiny_llama(int64_t vocabulary, int64_t width, int64_t ffn,
                                       int64_t positions) {
  weights::ModelConfig config;
  config.model_type = "llama";
  config.vocabulary = vocabulary;
  config.width = width;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = width / config.heads;
  config.ffn = ffn;
  config.max_positions = positions;
  config.tied_head = true;
  return config;
}

}  // namespace temper::model
