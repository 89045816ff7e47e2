// A piece is one chunk of columns for a block of rows of both models; it leaves two sums a row,
// joined in the order of the chunks, whoever computed them.
#include "temper/engine/kernel/divergence.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "temper/engine/kernel/cpu/head_rows.h"
#include "temper/foundation/error/error.h"

namespace temper::kernel {
namespace {

using cpu::kChunk;
constexpr int64_t kRows = 48;  // of a forward piece: two blocks of logits stay in L2

/// One divergence, by β.
class Measure {
 public:
  explicit Measure(double beta)
      : beta_(static_cast<float>(beta)),
        log_student_(std::log(1 - beta_)),
        log_teacher_(std::log(beta_)) {}

  /// One token's share of the value, and h of it times S; from log S and log T.
  struct Share {
    float value, centre;
  };
  Share share(float s, float t) const {
    if (beta_ == 0) return {std::exp(t) * (t - s), 0};
    const float p = std::exp(s);
    if (beta_ == 1) return {p * (s - t), p * (s - t)};
    const float m = mixed(s, t), h = (1 - beta_) * (s - m);
    return {beta_ * std::exp(t) * (t - m) + p * h, p * h};
  }
  /// ∂value/∂(z/temperature) of the token.
  float slope(float s, float t, float centre) const {
    const float p = std::exp(s);
    if (beta_ == 0) return p - std::exp(t);
    if (beta_ == 1) return p * (s - t - centre);
    return p * ((1 - beta_) * (s - mixed(s, t)) - centre);
  }

 private:
  /// log M
  float mixed(float s, float t) const {
    const float a = log_student_ + s, b = log_teacher_ + t;
    return std::max(a, b) + std::log1p(std::exp(-std::abs(a - b)));
  }
  float beta_, log_student_, log_teacher_;
};

void logits(const float* hidden, const Panels& weight, const cpu::HeadPiece& piece) {
  cpu::multiply_here({.a = hidden + piece.row * weight.k(),
                      .lda = weight.k(),
                      .m = piece.rows,
                      .b = weight,
                      .c = piece.z,
                      .ldc = piece.ldz,
                      .first = piece.first,
                      .count = piece.n},
                     {});
}

/// The teacher's logits beside a piece of the student's, in this thread's own room.
cpu::HeadPiece beside(const DivergenceInput& in, cpu::HeadPiece piece) {
  thread_local tensor::Floats scratch;
  scratch.resize(std::max(kRows, cpu::kPieceRows) * kChunk);
  piece.z = scratch.data();
  piece.ldz = kChunk;
  logits(in.teacher_hidden, in.teacher_weight, piece);
  return piece;
}

struct Sums {
  double value = 0, centre = 0;
};

}  // namespace

void divergence(const DivergenceInput& in, float* value, float* centre) {
  const int64_t vocabulary = in.student.weight.n();
  ASSERT(vocabulary == in.teacher_weight.n(), "student and teacher share a vocabulary");
  const Measure measure(in.beta);
  const auto temperature = static_cast<float>(in.student.temperature);
  const int64_t count = (vocabulary + kChunk - 1) / kChunk;
  const int64_t blocks = (in.student.rows + kRows - 1) / kRows;
  std::vector<Sums> parts(static_cast<size_t>(in.student.rows * count));
  tensor::parallel_pieces(count * blocks, [&](int64_t begin, int64_t end) {
    thread_local tensor::Floats scratch;
    scratch.resize(kRows * kChunk);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t chunk = i / blocks, row = i % blocks * kRows, first = chunk * kChunk;
      const cpu::HeadPiece student{.row = row,
                                   .rows = std::min(kRows, in.student.rows - row),
                                   .first = first,
                                   .n = std::min(kChunk, vocabulary - first),
                                   .z = scratch.data(),
                                   .ldz = kChunk};
      logits(in.student.hidden, in.student.weight, student);
      const cpu::HeadPiece teacher = beside(in, student);
      for (int64_t j = 0; j < student.rows; ++j) {
        const int64_t r = row + j;
        const float* s = student.z + j * kChunk;
        const float* t = teacher.z + j * kChunk;
        Sums& sums = parts[static_cast<size_t>(r * count + chunk)];
        for (int64_t v = 0; v < student.n; ++v) {
          const Measure::Share share = measure.share(s[v] / temperature - in.student_lse[r],
                                                     t[v] / temperature - in.teacher_lse[r]);
          sums.value += double{share.value};
          sums.centre += double{share.centre};
        }
      }
    }
  });
  for (int64_t r = 0; r < in.student.rows; ++r) {
    Sums all;
    for (int64_t chunk = 0; chunk < count; ++chunk) {
      all.value += parts[static_cast<size_t>(r * count + chunk)].value;
      all.centre += parts[static_cast<size_t>(r * count + chunk)].centre;
    }
    value[r] = static_cast<float>(all.value);
    centre[r] = static_cast<float>(all.centre);
  }
}

void divergence_backward(const DivergenceInput& in, const DivergenceGradient& g) {
  const Measure measure(in.beta);
  const auto temperature = static_cast<float>(in.student.temperature);
  cpu::backward_through_head({.hidden = in.student.hidden,
                              .rows = in.student.rows,
                              .weight = in.student.weight,
                              .weight_plain = g.weight_plain,
                              .d_hidden = g.d_hidden,
                              .d_weight = g.d_weight},
                             [&](const cpu::HeadPiece& student) {
                               const cpu::HeadPiece teacher = beside(in, student);
                               for (int64_t j = 0; j < student.rows; ++j) {
                                 const int64_t r = student.row + j;
                                 const float d = g.d_value[r] / temperature;
                                 float* s = student.z + j * student.ldz;
                                 const float* t = teacher.z + j * teacher.ldz;
                                 for (int64_t v = 0; v < student.n; ++v) {
                                   s[v] = d * measure.slope(s[v] / temperature - in.student_lse[r],
                                                            t[v] / temperature - in.teacher_lse[r],
                                                            g.centre[r]);
                                 }
                               }
                             });
}

}  // namespace temper::kernel
