#include "temper/learn/step/distil.h"

#include "temper/engine/kernel/divergence.h"
#include "temper/engine/tensor/single_thread.h"
#include "temper/foundation/error/error.h"
#include "temper/learn/algo/leaves.h"
#include "temper/learn/algo/supervised.h"
#include "temper/learn/step/head_pass.h"

namespace temper::step {
namespace {

/// Divergences of one micro-batch, and their way back into the student.
class Compared {
 public:
  Compared(HeadPass& student, HeadPass& teacher, double beta)
      : pass_(student),
        in_{.student = {.hidden = student.hidden.data(),
                        .rows = student.rows,
                        .weight = student.model.head().forward,
                        .targets = student.packed.targets.data(),
                        .temperature = student.temperature},
            .student_lse = student.lse.data(),
            .teacher_hidden = teacher.hidden.data(),
            .teacher_weight = teacher.model.head().forward,
            .teacher_lse = teacher.lse.data(),
            .beta = beta},
        value_(static_cast<size_t>(student.rows)),
        centre_(value_.size()) {
    kernel::divergence(in_, value_.data(), centre_.data());
    student.model.count_flops(products(1));
  }
  const std::vector<float>& value() const { return value_; }

  void backward(model::Activations& activations, const float* d_value) {
    model::Model& student = pass_.model;
    tensor::Floats d_hidden(pass_.rows * student.config().width);
    kernel::divergence_backward(in_, {.centre = centre_.data(),
                                      .d_value = d_value,
                                      .weight_plain = student.head().plain,
                                      .d_hidden = d_hidden.data(),
                                      .d_weight = student.head_gradient()});
    student.count_flops(products(student.head().trained() ? 3 : 2));
    student.backward(pass_.packed.rows, activations, d_hidden.data());
  }

 private:
  /// So many products with the student's head, and one with the teacher's.
  double products(double own) const {
    return 2.0 * static_cast<double>(pass_.rows) *
           (own * static_cast<double>(pass_.model.head().size()) +
            static_cast<double>(in_.teacher_weight.k() * in_.teacher_weight.n()));
  }

  HeadPass& pass_;
  kernel::DivergenceInput in_;
  std::vector<float> value_, centre_;  // [N]
};

}  // namespace

Distiller::Distiller(model::Model& student, model::Model& teacher, const algo::SupervisedLoss& loss,
                     double temperature)
    : student_(student), teacher_(teacher), loss_(loss), temperature_(temperature) {
  ASSERT(loss.divergence().has_value(), "the member is made of divergences");
}

BatchResult Distiller::run(std::span<const batch::Packed> batches, bool train) {
  const tensor::SingleThread one;
  const algo::Denominators whole = denominators(batches);
  BatchResult result;
  FoldedMetrics metrics;
  for (const batch::Packed& packed : batches) {
    if (packed.size() == 0) continue;
    HeadPass teacher(teacher_, packed, temperature_), student(student_, packed, temperature_);
    const double before = teacher_.flops();
    teacher.infer();
    student_.count_flops(teacher_.flops() - before);
    train ? student.forward(activations_) : student.infer();
    Compared compared(student, teacher, *loss_.divergence());
    algo::Tokens tokens;
    tokens.logp = leaf(student.numbers.logp);
    tokens.divergence = leaf(compared.value()).set_requires_grad(true);
    tokens.answer = answers_of(packed);
    tokens.answers = static_cast<int64_t>(packed.answers.size());
    const algo::Terms terms = loss_.terms(tokens);
    const at::Tensor value = algo::divided(terms, tokens, whole);
    result.loss += value.item<double>();
    metrics.add(terms.metrics);
    count(student, result);
    if (!train) continue;
    value.backward();
    compared.backward(activations_, tokens.divergence.grad().data_ptr<float>());
  }
  result.metrics = metrics.values();
  finish(result);
  return result;
}

BatchResult Distiller::train(std::span<const batch::Packed> batches) {
  return run(batches, true);
}

BatchResult Distiller::evaluate(std::span<const batch::Packed> batches) {
  return run(batches, false);
}

}  // namespace temper::step
