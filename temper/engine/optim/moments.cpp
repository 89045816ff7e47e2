#include "temper/engine/optim/moments.h"

#include <cstring>

#include "temper/engine/kernel/adamw_8bit.h"
#include "temper/foundation/error/error.h"

namespace temper::optim {
namespace {

constexpr int64_t kWorthPacking = 4096;

std::span<std::byte> bytes_of(tensor::Floats& values) {
  return {reinterpret_cast<std::byte*>(values.data()),
          static_cast<size_t>(values.size()) * sizeof(float)};
}
std::span<std::byte> bytes_of(tensor::Buffer& codes) {
  return {codes.data(), static_cast<size_t>(codes.bytes())};
}
uint8_t* codes_of(tensor::Buffer& codes) {
  return reinterpret_cast<uint8_t*>(codes.data());
}

}  // namespace

Moments::Moments(const model::WeightStore& store, MomentKind kind) : kind_(kind) {
  int64_t floats = 0, codes = 0, scales = 0;
  for (const model::Weight& weight : store.all()) {
    if (!weight.trained()) continue;
    const bool packed = kind == MomentKind::Byte && weight.size() >= kWorthPacking;
    places_[&weight] = {.packed = packed, .numbers = packed ? codes : floats, .scales = scales};
    (packed ? codes : floats) += weight.size();
    if (packed) scales += (weight.size() + kernel::kQuantBlock - 1) / kernel::kQuantBlock;
  }
  for (tensor::Floats* each : {&m_, &v_}) each->resize(floats);
  for (tensor::Floats* each : {&m_scales_, &v_scales_}) each->resize(scales);
  for (tensor::Floats* each : {&m_, &v_, &m_scales_, &v_scales_}) each->zero();
  m_codes_ = tensor::Buffer(codes);
  v_codes_ = tensor::Buffer(codes);
  if (codes == 0) return;
  std::memset(m_codes_.data(), kernel::zero_code(kernel::Sign::Signed), static_cast<size_t>(codes));
  std::memset(v_codes_.data(), kernel::zero_code(kernel::Sign::Unsigned),
              static_cast<size_t>(codes));
}

void Moments::step(const kernel::AdamW& options, const model::Weight& weight, const float* gradient,
                   float* master) {
  const auto found = places_.find(&weight);
  ASSERT(found != places_.end(), "a weight that was trained from the start");
  const Place& place = found->second;
  if (!place.packed) {
    return kernel::adamw(options, gradient, weight.size(), master, m_.data() + place.numbers,
                         v_.data() + place.numbers);
  }
  kernel::adamw_8bit(options, gradient, weight.size(), master,
                     {codes_of(m_codes_) + place.numbers, m_scales_.data() + place.scales},
                     {codes_of(v_codes_) + place.numbers, v_scales_.data() + place.scales});
}

std::vector<Moments::Tensor> Moments::tensors() {
  std::vector<Tensor> all = {{"m", file::Format::F32, m_.size(), bytes_of(m_)},
                             {"v", file::Format::F32, v_.size(), bytes_of(v_)}};
  if (kind_ == MomentKind::Float32) return all;
  all.push_back({"m_codes", file::Format::U8, m_codes_.bytes(), bytes_of(m_codes_)});
  all.push_back({"v_codes", file::Format::U8, v_codes_.bytes(), bytes_of(v_codes_)});
  all.push_back({"m_scales", file::Format::F32, m_scales_.size(), bytes_of(m_scales_)});
  all.push_back({"v_scales", file::Format::F32, v_scales_.size(), bytes_of(v_scales_)});
  return all;
}

}  // namespace temper::optim
