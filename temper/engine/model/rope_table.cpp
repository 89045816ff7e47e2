#include "temper/engine/model/rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "temper/foundation/error/error.h"

namespace temper::model {
namespace {

using weights::RopeScaling;

/// Llama 3.1: low frequencies are divided by the factor, high ones kept, those between blended.
float llama3(double frequency, const RopeScaling& scaling) {
  const double length = static_cast<double>(scaling.original_max_positions);
  const double wavelength = 2 * std::numbers::pi / frequency;
  const double low = length / scaling.low_frequency_factor;
  const double high = length / scaling.high_frequency_factor;
  if (wavelength > low) return static_cast<float>(frequency / scaling.factor);
  if (wavelength < high) return static_cast<float>(frequency);
  const double smooth = (length / wavelength - scaling.low_frequency_factor) /
                        (scaling.high_frequency_factor - scaling.low_frequency_factor);
  return static_cast<float>((1 - smooth) * frequency / scaling.factor + smooth * frequency);
}

/// YaRN (Peng et al. 2023, arXiv 2309.00071): a ramp over dimensions between interpolation and
/// extrapolation.
struct Yarn {
  double low, high;
  Yarn(const weights::ModelConfig& config) {
    const RopeScaling& scaling = config.rope_scaling;
    auto dimension = [&](double rotations) {
      return static_cast<double>(config.head_dim) *
             std::log(static_cast<double>(scaling.original_max_positions) /
                      (rotations * 2 * std::numbers::pi)) /
             (2 * std::log(config.rope_theta));
    };
    low = dimension(scaling.beta_fast);
    high = dimension(scaling.beta_slow);
    if (scaling.truncate) {
      low = std::floor(low);
      high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, static_cast<double>(config.head_dim - 1));
    if (low == high) high += 0.001;
  }
  float frequency(int64_t i, double frequency, double factor) const {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    const double extrapolation = 1 - ramp;
    return static_cast<float>(frequency / factor * (1 - extrapolation) + frequency * extrapolation);
  }
};

double yarn_mscale(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

double yarn_attention_factor(const RopeScaling& scaling) {
  if (scaling.attention_factor) return *scaling.attention_factor;
  if (scaling.mscale && scaling.mscale_all_dim) {
    return yarn_mscale(scaling.factor, *scaling.mscale) /
           yarn_mscale(scaling.factor, *scaling.mscale_all_dim);
  }
  return yarn_mscale(scaling.factor, 1);
}

}  // namespace

RopeTable::RopeTable(const weights::ModelConfig& config) : half_(config.head_dim / 2) {
  frequency_.resize(half_);
  const RopeScaling& scaling = config.rope_scaling;
  ASSERT(scaling.kind != RopeScaling::Kind::Dynamic, "the configuration refuses dynamic scaling");
  for (int64_t i = 0; i < half_; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(config.head_dim);
    const float plain = 1.0f / std::pow(static_cast<float>(config.rope_theta), exponent);
    float& out = frequency_.data()[i];
    switch (scaling.kind) {
      case RopeScaling::Kind::None:
      case RopeScaling::Kind::Dynamic:
        out = plain;
        break;
      case RopeScaling::Kind::Linear:
        out = plain / static_cast<float>(scaling.factor);
        break;
      case RopeScaling::Kind::Llama3:
        out = llama3(plain, scaling);
        break;
      case RopeScaling::Kind::Yarn:
        out = Yarn(config).frequency(i, plain, scaling.factor);
        break;
    }
  }
  if (scaling.kind == RopeScaling::Kind::Yarn) {
    attention_factor_ = static_cast<float>(yarn_attention_factor(scaling));
  }
}

void RopeTable::reach(int64_t positions) {
  if (positions <= positions_) return;
  positions_ = std::max(positions, 2 * positions_);
  cosine_.resize(positions_ * half_);
  sine_.resize(positions_ * half_);
  for (int64_t p = 0; p < positions_; ++p) {
    for (int64_t i = 0; i < half_; ++i) {
      const double angle = static_cast<float>(p) * frequency_.data()[i];
      cosine_.data()[p * half_ + i] = static_cast<float>(std::cos(angle)) * attention_factor_;
      sine_.data()[p * half_ + i] = static_cast<float>(std::sin(angle)) * attention_factor_;
    }
  }
}

}  // namespace temper::model
