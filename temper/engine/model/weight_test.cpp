#include "temper/engine/model/weight.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "temper/engine/model/tiny_case.h"

namespace temper::model {
namespace {

using kernel::Quantised;
using kernel::QuantiseOptions;
using Kind = QuantiseOptions::Kind;

TEST(QuantisedWeight, ValuesAreBitsandbytes) {
  const auto file = file::Safetensors::open(SOURCE_DIR "/golden/quantise.safetensors");
  const std::pair<const char*, QuantiseOptions> kinds[] = {
      {"int8", {.kind = Kind::Int8}},
      {"nf4", {.kind = Kind::Nf4}},
      {"nested", {.kind = Kind::Nf4, .nested = true}}};
  for (const std::string shape : {"ragged", "aligned", "many"}) {
    const std::vector<int64_t> size = file.find(shape + ".w")->shape;
    const std::vector<float> w = numbers<float>(file, shape + ".w");
    for (const auto& [name, options] : kinds) {
      const Quantised q(w.data(), size[0], size[1], options);
      std::vector<float> got(w.size());
      for (int64_t row = 0; row < size[0]; ++row) q.row(row, got.data() + row * size[1]);
      const std::vector<float> want = numbers<float>(file, shape + "." + name);
      ASSERT_EQ(got.size(), want.size());
      if (options.nested && shape == "many") {
        // bitsandbytes' CPU function packs scales coarsely where they fill a block of 256, so what
        // must hold is what nesting promises: a half step, 0.007, of the widest scale.
        const std::vector<float> plain = numbers<float>(file, shape + ".nf4");
        float widest = 0;
        for (float value : w) widest = std::max(widest, std::abs(value));
        for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], plain[i], 0.008 * widest) << i;
        continue;
      }
      for (size_t i = 0; i < got.size(); ++i) {
        // The mean of the scales is a sum in another order.
        const double within = options.nested ? 4e-6 * std::abs(double{want[i]}) : 0;
        ASSERT_NEAR(got[i], want[i], within) << shape << "." << name << "[" << i << "]";
      }
    }
    const Quantised q(w.data(), size[0], size[1], {.kind = Kind::Nf4});
    const kernel::Panels panels(q, kernel::Layout::Transposed, kernel::Dtype::BFloat16);
    const std::vector<uint16_t> rounded = numbers<uint16_t>(file, shape + ".nf4_bf16");
    std::vector<float> row(static_cast<size_t>(size[1]));
    for (int64_t i = 0; i < size[0]; ++i) {
      panels.column(i, row.data());
      for (int64_t j = 0; j < size[1]; ++j) {
        const uint32_t bits = rounded[static_cast<size_t>(i * size[1] + j)];
        ASSERT_EQ(std::bit_cast<uint32_t>(row[static_cast<size_t>(j)]), bits << 16)
            << shape << " " << i << "," << j;
      }
    }
  }
}

}  // namespace
}  // namespace temper::model
