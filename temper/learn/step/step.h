// forward_backward and optim_step: one optimizer batch through the model and a member of an
// algorithm family. The loops, and whatever else trains, go through here, so that the division
// stands in one place.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "temper/engine/model/model.h"
#include "temper/learn/algo/terms.h"
#include "temper/learn/batch/pack.h"

namespace temper::algo {
class SupervisedLoss;
class PolicyLoss;
}  // namespace temper::algo

namespace temper::step {

/// What the head says about the trained tokens of one micro-batch.
struct HeadNumbers {
  std::vector<float> logp, entropy;  // [N]
  std::vector<int32_t> argmax;       // [N]
  std::vector<float> sum_p2;         // [N] Σ_v π(v)²; empty: not asked for
  std::vector<float> mean_logp;      // [N] mean of log π over the vocabulary; likewise
};

/// Log-probs by the training forward, nothing kept: for evaluation, the reference and the mismatch.
HeadNumbers score(model::Model& model, const batch::Packed& packed, double temperature = 1);

/// Numbers of single tokens, by answer id: [answer][token].
using ByAnswer = std::vector<std::vector<float>>;

/// What a model with a score head of one label holds before each token that the batches train,
/// where it stands in `all`; tokens that are not trained keep what is there.
void read_values(model::Model& model, std::span<const batch::Packed> batches, ByAnswer& all);

/// Inputs of a policy step; empty: not given.
struct PolicyInputs {
  ByAnswer behaviour_logp{}, old_logp{}, ref_logp{};
  ByAnswer advantage{};
  ByAnswer old_value{}, value_target{};  ///< where there is a critic
  bool critic_alone = false;             ///< the policy gets no gradient
  double top_entropy_quantile = 1;    ///< share of the batch's tokens that teach (algo/entropy.h)
  double entropy_coef = 0;            ///< what a nat of their mean entropy is worth
  int64_t max_completion_length = 0;  ///< the run's limit
};

/// What one optimizer batch gave. Means are over its trained tokens unless the member said
/// otherwise.
struct BatchResult {
  double loss = 0;
  double policy_loss = 0;   ///< policy steps: the loss without the entropy bonus
  double critic_loss = 0;   ///< the critic's, which is not in `loss`
  double kept_entropy = 0;  ///< policy steps: mean over the tokens that teach
  int64_t trained_tokens = 0;
  int64_t read_tokens = 0;
  double mean_entropy = 0;
  double token_accuracy = 0;    ///< argmax equals the target
  double largest_mismatch = 0;  ///< max |behaviour_logp - logp|, policy steps
  double mean_mismatch = 0;
  int64_t compared = 0;                   ///< tokens in it
  std::map<std::string, double> metrics;  ///< the member's, folded
};

/// Adds the gradients of the whole batch to the model's store, and to the critic's.
class Stepper {
 public:
  /// Both must outlive it; `critic`: for members that have one.
  explicit Stepper(model::Model& model, model::Model* critic = nullptr)
      : model_(model), critic_(critic) {}

  BatchResult supervised(std::span<const batch::Packed> batches, const algo::SupervisedLoss& loss);
  /// `temperature` is the one the answers were sampled at. `compare`: the answers were sampled by
  /// these weights, so behaviour_logp is compared with the trainer's.
  BatchResult policy(std::span<const batch::Packed> batches, const algo::PolicyLoss& loss,
                     const PolicyInputs& inputs, double temperature, bool compare);
  /// Evaluation: the mean negative log-prob and accuracy, no gradient.
  BatchResult evaluate(std::span<const batch::Packed> batches);

 private:
  model::Model& model_;
  model::Model* critic_;
  model::Activations activations_, critic_activations_;
};

/// KL(π ‖ π_ref) a token, nats: k3 (learn/algo/kl.h) of behaviour_logp and ref_logp, averaged over
/// the trained tokens.
double mean_kl(std::span<const batch::Packed> batches, const PolicyInputs& inputs);

/// Trained tokens and answers over all micro-batches.
algo::Denominators denominators(std::span<const batch::Packed> batches);

}  // namespace temper::step
