// One optimizer batch of a student that follows a teacher's distributions.
#pragma once

#include <span>

#include "temper/learn/step/step.h"

namespace temper::step {

class Distiller {
 public:
  /// `loss` is made of divergences; logits of both models are divided by the temperature. All must
  /// outlive it; student and teacher share a vocabulary.
  Distiller(model::Model& student, model::Model& teacher, const algo::SupervisedLoss& loss,
            double temperature);

  /// Adds the gradients of the whole batch to the student's store.
  BatchResult train(std::span<const batch::Packed> batches);
  /// The same numbers without gradients.
  BatchResult evaluate(std::span<const batch::Packed> batches);

 private:
  BatchResult run(std::span<const batch::Packed> batches, bool train);

  model::Model& student_;
  model::Model& teacher_;
  const algo::SupervisedLoss& loss_;
  double temperature_;
  model::Activations activations_;
};

}  // namespace temper::step
