// What the training commands take: TRL's names and defaults where TRL has the option, ours where it
// has none. docs/deviations.md lists where a default departs from TRL's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "temper/engine/optim/optimizer.h"
#include "temper/engine/sample/load.h"
#include "temper/foundation/config/config.h"
#include "temper/language/chat/renderer.h"
#include "temper/language/data/dataset.h"
#include "temper/learn/algo/entropy.h"

namespace temper::train {

/// Model, optimizer, length of the run, logging and checkpoints: what every loop needs.
struct CommonOptions {
  std::string model_name_or_path;
  std::string dtype = "bfloat16";
  bool use_peft = false;
  int64_t lora_r = 16;
  double lora_alpha = 32;
  bool use_rslora = false, use_dora = false;
  std::vector<std::string> lora_target_modules = {"all-linear"}, lora_modules_to_save;
  sample::QuantiseFlags quantise;

  std::string output_dir;
  uint64_t run_seed() const { return static_cast<uint64_t>(seed); }
  int64_t seed = 42;
  int64_t num_threads = 0;
  std::string memory_limit;

  std::string optim = "adamw_torch";
  double learning_rate = 2e-5;
  std::string lr_scheduler_type = "linear";
  int64_t warmup_steps = 0;
  double warmup_ratio = 0;
  double weight_decay = 0, adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8;
  double max_grad_norm = 1;
  double num_train_epochs = 3;
  int64_t max_steps = -1;
  int64_t per_device_train_batch_size = 8;
  int64_t gradient_accumulation_steps = 1;
  int64_t micro_batch_tokens = 2048;
  bool gradient_checkpointing = false;
  int64_t max_skipped_steps = 3;

  int64_t logging_steps = 1;
  int64_t eval_steps = 0;
  int64_t early_stopping_patience = 0;
  bool load_best_model_at_end = false;
  double save_interval_s = 120;
  int64_t save_steps = 0;
  int64_t save_total_limit = 2;
  std::string resume_from_checkpoint;
};
void describe(config::Fields<CommonOptions>& f);
/// What --optim names.
optim::MomentKind moments_of(const CommonOptions& options);

struct SftOptions {
  CommonOptions common;
  data::DatasetOptions data;
  chat::RendererOptions render;
  bool packing = false;
  std::string packing_strategy = "bfd";
  std::optional<double> neftune_noise_alpha;
};
void describe(config::Fields<SftOptions>& f);
/// What temper pretrain departs from temper sft in: one long text, cut into equal pieces.
SftOptions pretrain_defaults();

/// A reference that follows the policy (learn/train/reference_model.h).
struct SyncOptions {
  bool sync_ref_model = false;
  double ref_model_mixup_alpha = 0.6;
  int64_t ref_model_sync_steps = 512;
};
void describe(config::Fields<SyncOptions>& f);

/// The environment that rewards come from, or rows and the verifiers or the reward model that judge
/// them; and how a model is evaluated there.
struct EnvironmentOptions {
  std::string env;
  std::string env_args = "{}";
  std::string dataset_name;
  std::vector<std::string> reward_funcs;
  std::vector<double> reward_weights;
  std::string reward_options = "{}", answer_parser;
  std::string reward_model_name_or_path;
  double reward_model_weight = 1;
  int64_t train_rows = 0;
  int64_t eval_prompts = 64, eval_samples = 1;
  int64_t max_sequences = 64;
  std::string chat_template_path, eos_token;
};

/// The same, and how policy runs sample.
struct RolloutOptions : EnvironmentOptions {
  int64_t num_generations = 8;
  int64_t max_completion_length = 256;
  double temperature = 1;
  double top_p = 1, min_p = 0;
  int64_t top_k = 0;
  int64_t num_iterations = 1, num_mini_batches = 1;
  bool mask_truncated_completions = false;
  bool filter_groups = false;
  int64_t max_num_gen_batches = 10;
  int64_t overlong_buffer_len = 0;
  double overlong_penalty_factor = 1;
  algo::EntropyOptions entropy;
  SyncOptions sync;
  int64_t kl_every = 10;
  int64_t show_every = 10;
};
void describe(config::Fields<RolloutOptions>& f);
/// The part of them that names the environment and its rows.
void describe_environment(config::Fields<EnvironmentOptions>& f);

/// How pairs are sampled for a member of the preference family, and judged.
struct OnlineOptions : EnvironmentOptions {
  CommonOptions common;
  int64_t max_new_tokens = 64;
  double temperature = 0.9;
  std::optional<double> missing_eos_penalty;
  SyncOptions sync;
};
void describe(config::Fields<OnlineOptions>& f);

struct GrpoOptions {
  CommonOptions common;
  RolloutOptions rollout;
};
void describe(config::Fields<GrpoOptions>& f);
/// TRL's defaults of the policy trainers where they differ from the supervised ones.
GrpoOptions grpo_defaults();

/// The model of values that is trained beside the policy.
struct CriticOptions {
  std::string value_model_name_or_path{};
  double value_learning_rate = 1e-5;
  int64_t value_warmup_steps = 0;
};
void describe(config::Fields<CriticOptions>& f);

struct PpoOptions : GrpoOptions {
  CriticOptions critic{};
};
void describe(config::Fields<PpoOptions>& f);

}  // namespace temper::train
