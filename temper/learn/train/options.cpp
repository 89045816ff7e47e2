#include "temper/learn/train/options.h"

namespace temper::train {

optim::MomentKind moments_of(const CommonOptions& options) {
  return options.optim.ends_with("8bit") ? optim::MomentKind::Byte : optim::MomentKind::Float32;
}

void describe(config::Fields<CommonOptions>& f) {
  using O = CommonOptions;
  f.group("model");
  f.add("model_name_or_path", &O::model_name_or_path,
        "a Hugging Face folder, a GGUF file or an adapter's folder")
      .required();
  f.add("dtype", &O::dtype, "of weights: bfloat16 (float32 masters) or float32")
      .choices({"bfloat16", "float32"});
  f.add("use_peft", &O::use_peft, "train LoRA adapters, not the model");
  f.add("lora_r", &O::lora_r, "rank of the adapters").at_least(1);
  f.add("lora_alpha", &O::lora_alpha, "adapters are scaled by alpha / r").above(0);
  f.add("use_rslora", &O::use_rslora, "scale by alpha / sqrt(r) instead");
  f.add("use_dora", &O::use_dora, "learn the length of each weight row apart from its direction");
  f.add("lora_target_modules", &O::lora_target_modules,
        "layers that get an adapter: all-linear, names such as q_proj, or one regular expression "
        "for whole names");
  f.add("lora_modules_to_save", &O::lora_modules_to_save,
        "modules trained whole and saved with the adapter: embed_tokens, lm_head, norm, ...");
  f.include(&O::quantise);
  f.group("run");
  f.add("output_dir", &O::output_dir, "folder of the run").required();
  f.add("seed", &O::seed, "of order, sampling and fresh adapters").at_least(0);
  f.add("num_threads", &O::num_threads, "threads to use; 0 = all cores").at_least(0);
  f.add("memory_limit", &O::memory_limit,
        "most that weights, caches and activations may hold, such as 8GB; empty: what is free");
  f.add("max_steps", &O::max_steps, "optimizer steps; -1: as many as num_train_epochs takes")
      .at_least(-1);
  f.add("num_train_epochs", &O::num_train_epochs, "passes over the training rows").above(0);
  f.add("per_device_train_batch_size", &O::per_device_train_batch_size,
        "rows (policy runs: answers) of one accumulation step")
      .at_least(1);
  f.add("gradient_accumulation_steps", &O::gradient_accumulation_steps,
        "accumulation steps of one optimizer step")
      .at_least(1);
  f.add("micro_batch_tokens", &O::micro_batch_tokens,
        "tokens run at once; bounds memory, never changes a result beyond rounding")
      .at_least(1);
  f.add(
      "gradient_checkpointing", &O::gradient_checkpointing,
      "run each layer again in the backward pass instead of keeping its activations: less memory, "
      "a third more work, the same bits");
  f.group("optimizer");
  f.add("optim", &O::optim,
        "adamw_torch keeps two float32 moments of every trained number, adamw_8bit (also called "
        "adamw_bnb_8bit) two bytes")
      .choices({"adamw_torch", "adamw_torch_fused", "adamw_8bit", "adamw_bnb_8bit"});
  f.add("learning_rate", &O::learning_rate, "peak learning rate of AdamW").at_least(0);
  f.add("lr_scheduler_type", &O::lr_scheduler_type, "shape over steps")
      .choices({"linear", "cosine", "constant", "constant_with_warmup"});
  f.add("warmup_steps", &O::warmup_steps, "steps of linear rise").at_least(0);
  f.add("warmup_ratio", &O::warmup_ratio,
        "the same as a share of all steps, when warmup_steps is 0")
      .within(0, 1);
  f.add("weight_decay", &O::weight_decay, "not applied to norms and biases").at_least(0);
  f.add("adam_beta1", &O::adam_beta1, "decay of the first moment").within(0, 1);
  f.add("adam_beta2", &O::adam_beta2, "decay of the second moment").within(0, 1);
  f.add("adam_epsilon", &O::adam_epsilon, "added to the root of the second moment").above(0);
  f.add("max_grad_norm", &O::max_grad_norm, "gradients are clipped to this norm; 0 = never")
      .at_least(0);
  f.add("max_skipped_steps", &O::max_skipped_steps,
        "steps with a loss or gradient that is not finite before the run ends")
      .at_least(0);
  f.group("logging and evaluation");
  f.add("logging_steps", &O::logging_steps, "steps between lines of metrics").at_least(1);
  f.add("eval_steps", &O::eval_steps, "steps between evaluations; 0 = none").at_least(0);
  f.add("early_stopping_patience", &O::early_stopping_patience,
        "end after this many evaluations without a better one; 0 = never")
      .at_least(0);
  f.add("load_best_model_at_end", &O::load_best_model_at_end,
        "the final model is the best one evaluated");
  f.group("checkpoints");
  f.add("save_interval_s", &O::save_interval_s,
        "seconds between checkpoints; 0 = only by save_steps")
      .at_least(0);
  f.add("save_steps", &O::save_steps, "steps between checkpoints; 0 = only by save_interval_s")
      .at_least(0);
  f.add("save_total_limit", &O::save_total_limit, "checkpoints kept").at_least(1);
  f.add("resume_from_checkpoint", &O::resume_from_checkpoint,
        "true: the newest one of output_dir; or a checkpoint's folder");
}

void describe(config::Fields<SftOptions>& f) {
  f.include(&SftOptions::common);
  f.group("data");
  f.include(&SftOptions::data);
  f.group("tokens");
  f.include(&SftOptions::render);
  f.add("packing", &SftOptions::packing,
        "a row of a batch is several rows of the data, or a piece of all of them");
  f.add("packing_strategy", &SftOptions::packing_strategy,
        "bfd: whole rows, best fit, up to max_length tokens; wrapped: all rows end to end, cut "
        "every "
        "max_length tokens")
      .choices({"bfd", "wrapped"});
  f.add("neftune_noise_alpha", &SftOptions::neftune_noise_alpha,
        "in training, move the embeddings of a row of L tokens by uniform noise in ±alpha / sqrt(L "
        "· "
        "width) (NEFTune); unset: none")
      .above(0);
}

SftOptions pretrain_defaults() {
  SftOptions options;
  options.common.learning_rate = 3e-4;
  options.common.lr_scheduler_type = "cosine";
  options.common.warmup_ratio = 0.02;
  options.common.weight_decay = 0.1;
  options.common.adam_beta2 = 0.95;
  options.common.num_train_epochs = 1;
  options.data.sample_by = "document";
  options.packing = true;
  options.packing_strategy = "wrapped";
  return options;
}

void describe(config::Fields<SyncOptions>& f) {
  using O = SyncOptions;
  f.add("sync_ref_model", &O::sync_ref_model, "the reference follows the policy (TR-DPO)");
  f.add("ref_model_mixup_alpha", &O::ref_model_mixup_alpha,
        "share of the policy in a reference that is synced; 1: it becomes the policy")
      .within(0, 1);
  f.add("ref_model_sync_steps", &O::ref_model_sync_steps, "optimizer steps between two syncs")
      .at_least(1);
}

namespace {

/// What answers are asked and rewarded for.
template <class O>
void describe_source(config::Fields<O>& f) {
  f.group("environment");
  f.add("env", &O::env, "a task's name (temper env list) or an environment's YAML file");
  f.add("env_args", &O::env_args, "the task's options as a JSON object");
  f.add("dataset_name", &O::dataset_name,
        "instead of --env: JSON Lines with the columns prompt and answer; every fifth row is held "
        "out");
  f.add("reward_funcs", &O::reward_funcs,
        "verifiers that judge answers to the data set's rows (temper verify --list)");
  f.add("reward_weights", &O::reward_weights, "a weight for each of them; none: 1");
  f.add("reward_options", &O::reward_options,
        "their options as a JSON object: {\"exact\": {\"case_insensitive\": true}}");
  f.add("answer_parser", &O::answer_parser,
        "what is taken from a completion as its answer: text, xml (the tag answer), think, "
        "last_line, gsm8k or number; none: xml beside xml_format, else text");
  f.add(
      "reward_model_name_or_path", &O::reward_model_name_or_path,
      "a model with a score head (temper reward) whose score of prompt and answer is one more part "
      "of the reward, or all of it");
  f.add("reward_model_weight", &O::reward_model_weight, "its weight");
  f.add("train_rows", &O::train_rows, "rows of the training part to use; 0 = all").at_least(0);
}

/// How they are watched, and how they become tokens.
template <class O>
void describe_watch(config::Fields<O>& f) {
  f.group("logging and evaluation");
  f.add("eval_prompts", &O::eval_prompts, "held-out prompts of an evaluation").at_least(1);
  f.add("eval_samples", &O::eval_samples, "answers to each of them").at_least(1);
  f.group("tokens");
  f.add("chat_template_path", &O::chat_template_path,
        "a Jinja file, or a folder with a tokenizer's files");
  f.add("eos_token", &O::eos_token, "instead of the tokenizer's");
}

}  // namespace

void describe_environment(config::Fields<EnvironmentOptions>& f) {
  describe_source(f);
}

void describe(config::Fields<RolloutOptions>& f) {
  using O = RolloutOptions;
  describe_source(f);
  f.group("sampling");
  f.add("num_generations", &O::num_generations, "answers to a prompt (G)").at_least(1);
  f.add("max_completion_length", &O::max_completion_length, "tokens of an answer at most")
      .at_least(1)
      .alias("response_length");
  f.add("temperature", &O::temperature, "of sampling, and of the log-probs trained on").above(0);
  f.add("top_p", &O::top_p, "must be 1 in training: a cut distribution is not the one trained")
      .within(0, 1);
  f.add("top_k", &O::top_k, "must be 0 in training, likewise").at_least(0);
  f.add("min_p", &O::min_p, "must be 0 in training, likewise").within(0, 1);
  f.add("num_iterations", &O::num_iterations, "passes over the same answers")
      .at_least(1)
      .alias("num_ppo_epochs");
  f.add("num_mini_batches", &O::num_mini_batches,
        "updates of one pass: so many times the answers of an update are sampled at once")
      .at_least(1);
  f.add("mask_truncated_completions", &O::mask_truncated_completions,
        "answers that did not end are not trained on");
  f.add("filter_groups", &O::filter_groups,
        "sample new prompts in place of those whose answers all earn the same");
  f.add("max_num_gen_batches", &O::max_num_gen_batches,
        "batches sampled for one update at most, where groups are filtered")
      .at_least(1);
  f.add("overlong_buffer_len", &O::overlong_buffer_len,
        "the last tokens before max_completion_length, in which an answer loses reward; 0 = none")
      .at_least(0);
  f.add("overlong_penalty_factor", &O::overlong_penalty_factor,
        "what an answer of max_completion_length loses")
      .at_least(0);
  f.add("max_sequences", &O::max_sequences, "answers written at once").at_least(1);
  f.include(&O::entropy, algo::describe);
  f.group("reference");
  f.include(&O::sync);
  f.group("logging and evaluation");
  f.add("kl_every", &O::kl_every,
        "batches between measurements of the KL to the starting model (an adapter's: its base), "
        "where beta is 0; 0 = none")
      .at_least(0);
  f.add("show_every", &O::show_every,
        "steps between sampled answers shown on the terminal; 0 = none")
      .at_least(0);
  describe_watch(f);
}

void describe(config::Fields<OnlineOptions>& f) {
  using O = OnlineOptions;
  f.include(&O::common);
  describe_source(f);
  f.group("sampling");
  f.add("max_new_tokens", &O::max_new_tokens, "tokens of an answer at most").at_least(1);
  f.add("temperature", &O::temperature, "of sampling; the log-probs trained on are those at 1")
      .above(0);
  f.add("missing_eos_penalty", &O::missing_eos_penalty,
        "what an answer that did not end loses of its score; unset: nothing")
      .above(0);
  f.add("max_sequences", &O::max_sequences, "answers written at once").at_least(1);
  f.group("reference");
  f.include(&O::sync);
  describe_watch(f);
}

void describe(config::Fields<GrpoOptions>& f) {
  f.include(&GrpoOptions::common);
  f.include(&GrpoOptions::rollout);
}

void describe(config::Fields<CriticOptions>& f) {
  using O = CriticOptions;
  f.group("critic");
  f.add("value_model_name_or_path", &O::value_model_name_or_path,
        "model whose values are trained: a reward model or an earlier critic; none: the policy's, "
        "with a fresh head");
  f.add("value_learning_rate", &O::value_learning_rate, "peak learning rate of the critic")
      .at_least(0);
  f.add("value_warmup_steps", &O::value_warmup_steps,
        "updates of the critic alone, before the policy moves")
      .at_least(0);
}

void describe(config::Fields<PpoOptions>& f) {
  f.include(&PpoOptions::common);
  f.include(&PpoOptions::rollout);
  f.include(&PpoOptions::critic);
}

GrpoOptions grpo_defaults() {
  GrpoOptions options;
  options.common.learning_rate = 1e-6;
  return options;
}

}  // namespace temper::train
