// The recorded models of golden/tiny, and a pass over their sequences, for tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "temper/engine/kernel/head.h"
#include "temper/engine/model/model.h"
#include "temper/foundation/file/safetensors.h"

namespace temper::model {

inline std::string tiny(const std::string& name) {
  return SOURCE_DIR "/golden/tiny/" + name;
}

template <class T>
std::vector<T> numbers(const file::Safetensors& file, const std::string& name) {
  const file::Safetensors::Tensor* tensor = file.find(name);
  EXPECT_NE(tensor, nullptr) << name;
  if (tensor == nullptr) return {};
  std::vector<T> values(tensor->data.size() / sizeof(T));
  std::memcpy(values.data(), tensor->data.data(), tensor->data.size());
  return values;
}

struct Case {
  std::vector<std::vector<int32_t>> sequences;
  std::vector<std::vector<double>> logits;
};

inline Case read_case(const file::Safetensors& vectors) {
  Case read;
  for (const char* number : {"0", "1"}) {
    std::vector<int32_t> ids;
    for (int64_t id : numbers<int64_t>(vectors, std::string("ids_") + number)) {
      ids.push_back(static_cast<int32_t>(id));
    }
    read.sequences.push_back(ids);
    read.logits.push_back(numbers<double>(vectors, std::string("logits_") + number));
  }
  return read;
}

/// All rows of all sequences, packed one after the other; every row is an output.
inline Batch pack(const std::vector<std::vector<int32_t>>& sequences, bool without_last) {
  Batch batch;
  for (const std::vector<int32_t>& ids : sequences) {
    const int64_t rows = static_cast<int64_t>(ids.size()) - (without_last ? 1 : 0);
    SequenceRows run{.first_row = batch.rows(),
                     .rows = rows,
                     .unit = static_cast<int64_t>(batch.sequences.size())};
    for (int64_t i = 0; i < rows; ++i) {
      if (i % kernel::kKvBlock == 0) run.blocks.push_back(static_cast<int32_t>(batch.blocks++));
      batch.outputs.push_back(static_cast<int32_t>(batch.rows()));
      batch.tokens.push_back(ids[static_cast<size_t>(i)]);
      batch.positions.push_back(static_cast<int32_t>(i));
    }
    batch.sequences.push_back(run);
  }
  return batch;
}

struct Nll {
  double nll = 0;           ///< mean over every predicted token
  std::vector<float> logp;  // of each of them
};

/// The trainer's pass over the sequences; a model that is trained gets the gradients of nll.
inline Nll nll_with_gradients(Model& model, const std::vector<std::vector<int32_t>>& sequences) {
  const Batch batch = pack(sequences, true);
  std::vector<int32_t> targets;
  for (const std::vector<int32_t>& ids : sequences) {
    targets.insert(targets.end(), ids.begin() + 1, ids.end());
  }
  const int64_t rows = batch.rows();
  Activations activations;
  tensor::Floats hidden(rows * model.config().width), d_hidden(rows * model.config().width);
  Nll result;
  result.logp.resize(targets.size());
  std::vector<float> lse(targets.size());
  model.forward(batch, activations, hidden.data());
  const kernel::HeadInput head{.hidden = hidden.data(),
                               .rows = rows,
                               .weight = model.head().forward,
                               .targets = targets.data()};
  kernel::head(head, {.logp = result.logp.data(), .lse = lse.data()});
  for (float value : result.logp) result.nll -= value / static_cast<double>(rows);
  if (model.options().training == Training::None) return result;
  const std::vector<float> d_logp(targets.size(), -1.0f / static_cast<float>(rows));
  kernel::head_backward(head, {.lse = lse.data(),
                               .d_logp = d_logp.data(),
                               .weight_plain = model.head().plain,
                               .d_hidden = d_hidden.data(),
                               .d_weight = model.head_gradient()});
  model.backward(batch, activations, d_hidden.data());
  return result;
}

/// Float32 rounding over two layers.
inline void expect_near(std::span<const float> got, const std::vector<double>& exact,
                        const std::string& what) {
  ASSERT_EQ(exact.size(), got.size()) << what;
  double largest = 0;
  for (double value : exact) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < exact.size(); ++i) {
    ASSERT_NEAR(got[i], exact[i], 1e-6 + 2e-5 * largest) << what << "[" << i << "]";
  }
}

}  // namespace temper::model
