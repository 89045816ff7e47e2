// Both loops from end to end on tiny models, one idea: what a run leaves in its folder, and that it
// goes on from there.
#include "temper/learn/train/training.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/random/random.h"
#include "temper/learn/algo/find.h"
#include "temper/learn/algo/policy.h"
#include "temper/learn/algo/supervised.h"

namespace temper::train {
namespace {

namespace fs = std::filesystem;

/// GPT-2's printable stand-ins for bytes.
std::string symbol(int byte) {
  static const std::vector<int> code_points = [] {
    std::vector<int> points(256, -1);
    auto printable = [](int b) {
      return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    };
    for (int b = 0, spare = 256; b < 256; ++b)
      points[static_cast<size_t>(b)] = printable(b) ? b : spare++;
    return points;
  }();
  const int point = code_points[static_cast<size_t>(byte)];
  if (point < 0x80) return std::string(1, static_cast<char>(point));
  return {static_cast<char>(0xC0 | point >> 6), static_cast<char>(0x80 | (point & 0x3F))};
}

/// A folder with a fresh two-layer model over bytes and ChatML's tokens.
std::string tiny_model(const fs::path& folder, const TinyModel& size = {}) {
  Json vocabulary = Json::object();
  for (int byte = 0; byte < 256; ++byte) vocabulary[symbol(byte)] = byte;
  vocabulary[symbol('t') + symbol('h')] = 256;
  Json added = Json::array();
  int id = 257;
  for (const char* text : {"<|im_start|>", "<|im_end|>"}) {
    added.push_back({{"id", id++},
                     {"content", text},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const Json json = {
      {"version", "1.0"},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"post_processor", nullptr},
      {"model",
       {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", {symbol('t') + " " + symbol('h')}}}}};
  fs::create_directories(folder);
  std::ofstream(folder / "tokenizer.json") << json.dump();
  const Json config = {{"eos_token", "<|im_end|>"},
                       {"pad_token", "<|im_end|>"},
                       {"chat_template",
                        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] "
                        "}}<|im_end|>\n{% endfor %}"
                        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"}};
  std::ofstream(folder / "tokenizer_config.json") << config.dump();
  weights::ModelConfig model;
  model.model_type = "llama";
  model.architecture = "LlamaForCausalLM";
  model.vocabulary = size.vocabulary;
  model.width = size.width;
  model.layers = size.layers;
  model.heads = 4;
  model.kv_heads = 2;
  model.head_dim = size.width / 4;
  model.ffn = 2 * size.width;
  model.max_positions = 512;
  model.tied_head = true;
  model.eos_ids = {258};
  model.initializer_range = 0.1;
  const model::Model fresh =
      model::Model::fresh(model, {.dtype = kernel::Dtype::Float32, .lora = {}}, size.seed);
  sample::write_model(folder.string(), fresh, token::Tokenizer::from_folder(folder.string()));
  return folder.string();
}

}  // namespace

const algo::Policy& policy_member(std::string_view name) {
  return *find_algorithm(algo::policy_catalogue(), name);
}

double gap(std::span<const float> got, const std::vector<double>& wanted) {
  double largest = 1e-3, apart = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    largest = std::max(largest, std::abs(wanted[i]));
    apart = std::max(apart, std::abs(wanted[i] - double{got[i]}));
  }
  return apart / largest;
}

void expect_gradients(model::Model& model, const file::Safetensors& recorded,
                      const std::string& prefix, double within) {
  size_t found = 0;
  for (const file::Safetensors::Tensor& tensor : recorded.tensors()) {
    if (!tensor.name.starts_with(prefix)) continue;
    std::vector<double> wanted(tensor.data.size() / sizeof(double));
    std::memcpy(wanted.data(), tensor.data.data(), tensor.data.size());
    const model::Weight* weight = model.store().find(tensor.name.substr(prefix.size()));
    ASSERT_NE(weight, nullptr) << tensor.name;
    EXPECT_LT(gap(model.store().gradient(*weight), wanted), within) << tensor.name;
    ++found;
  }
  EXPECT_EQ(found, model.store().all().size());
}

void Training::SetUp() {
  const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
  root_ = fs::temp_directory_path() /
          ("temper_train_" + std::to_string(::getpid()) + "_" + test->name());
  fs::create_directories(root_);
  model_ = tiny_model(root_ / "model");
  std::ofstream rows(root_ / "rows.jsonl");
  for (int i = 0; i < 12; ++i) {
    rows << Json({{"prompt", {{{"role", "user"}, {"content", "say " + std::to_string(i)}}}},
                  {"completion",
                   {{{"role", "assistant"}, {"content", "the " + std::to_string(i * i)}}}}})
                .dump()
         << "\n";
  }
  // rewards that untrained models earn now and then: a letter in the answer
  std::ofstream(root_ / "letters.jsonl")
      << "{\"q\": \"say\", \"a\": \"x\"}\n{\"q\": \"tell\", \"a\": \"y\"}\n"
         "{\"q\": \"name\", \"a\": \"z\"}\n{\"q\": \"give\", \"a\": \"w\"}\n";
  std::ofstream(root_ / "letters.yaml")
      << "name: letters\nsystem_prompt: Write.\nparser: {name: text}\nprompt_template: "
         "'{q}'\nanswer: a\n"
         "rows: {train: letters.jsonl, held_out: letters.jsonl}\n"
         "rewards:\n  - {verifier: regex, name: letter, weight: 1.0, options: {pattern: "
         "'[a-m]'}}\n";
}
void Training::TearDown() {
  fs::remove_all(root_);
}

CommonOptions Training::common_options(const std::string& name) const {
  CommonOptions o;
  o.model_name_or_path = model_;
  o.output_dir = (root_ / name).string();
  o.save_interval_s = 0;
  return o;
}

Setting Training::setting(const std::string& command, const std::string& config_yaml,
                          const std::atomic<bool>* interrupted) {
  return {.terminal = {.tty = false, .color = false, .quiet = true, .width = 100},
          .command = command,
          .config_yaml = config_yaml,
          .interrupted = interrupted};
}

std::string Training::other_model(const TinyModel& size) const {
  return tiny_model(root_ / ("other-" + std::to_string(size.seed)), size);
}

SftOptions Training::sft_options(const std::string& name) const {
  SftOptions o;
  o.common = common_options(name);
  o.common.dtype = "float32";
  o.common.learning_rate = 1e-2;
  o.common.per_device_train_batch_size = 4;
  o.common.max_steps = 8;
  o.common.save_steps = 2;
  o.common.eval_steps = 3;
  o.data.dataset_name = (root_ / "rows.jsonl").string();
  o.data.test_split_size = 4;
  return o;
}

Result Training::run_sft(const SftOptions& o, const std::atomic<bool>* interrupted) const {
  const algo::Supervised& member = *find_algorithm(algo::supervised_catalogue(), "sft");
  return sft(o, *member.make(member.options()), setting("sft", config::to_yaml(o), interrupted));
}

GrpoOptions Training::grpo_options(const std::string& name) const {
  GrpoOptions o = grpo_defaults();
  o.common = common_options(name);
  o.common.learning_rate = 1e-3;
  o.common.per_device_train_batch_size = 8;
  o.common.max_steps = 4;
  o.common.micro_batch_tokens = 100;
  o.common.save_steps = 1;
  o.rollout.env = (root_ / "letters.yaml").string();
  o.rollout.num_generations = 4;
  o.rollout.max_completion_length = 12;
  o.rollout.eval_prompts = 4;
  o.common.eval_steps = 2;
  return o;
}

Result Training::run_grpo(const GrpoOptions& o, const std::atomic<bool>* interrupted,
                          std::string_view name) const {
  const algo::Policy& member = policy_member(name);
  return grpo(o, member, *member.make(member.options()),
              setting(std::string(name), config::to_yaml(o), interrupted));
}

std::string Training::score_model(const std::string& name, weights::HeadKind head) const {
  const sample::Loaded loaded =
      sample::load(model_, {.dtype = kernel::Dtype::Float32, .lora = {}, .seed = 11, .head = head});
  sample::write_model((root_ / name).string(), *loaded.model, loaded.tokenizer);
  return (root_ / name).string();
}

std::string Training::read(const std::string& name) const {
  return file::read_file((root_ / name).string());
}

std::vector<Json> Training::metrics(const std::string& run) const {
  std::vector<Json> lines;
  std::istringstream in(read(run + "/metrics.jsonl"));
  for (std::string line; std::getline(in, line);) {
    Json json = Json::parse(line);
    for (const char* timed :
         {"time", "step_time", "tokens_per_second", "time/generate", "time/update", "tflop"}) {
      json.erase(timed);
    }
    lines.push_back(json);
  }
  return lines;
}

double Training::gain(const std::string& run) const {
  const std::vector<Json> lines = metrics(run);
  double gained = 0;
  for (size_t i = 0; i < 8; ++i) {
    gained += lines[lines.size() - 1 - i]["reward"].get<double>() / 8;
    gained -= lines[i]["reward"].get<double>() / 8;
  }
  return gained;
}

double Training::last(const std::string& run, const std::string& metric) const {
  double value = std::nan("");
  for (const Json& line : metrics(run)) value = line.value(metric, value);
  return value;
}

void Training::write_pairs(const std::string& name, bool planted, int count) const {
  std::ofstream rows(root_ / name);
  random::Sequence draw(random::Stream(7, random::Purpose::Data));
  auto word = [&](char first) {
    std::string text;
    for (int i = 0; i < 6; ++i) text += static_cast<char>(first + draw.below(13));
    return text;
  };
  for (int i = 0; i < count; ++i) {
    std::string chosen = word('a'), rejected = word('n');
    if (!planted && draw.below(2) == 0) std::swap(chosen, rejected);
    rows << Json({{"prompt", "say " + word('a') + " "}, {"chosen", chosen}, {"rejected", rejected}})
                .dump()
         << "\n";
  }
}

std::string message(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST_F(Training, SftLearnsItsRowsAndLeavesAModel) {
  const Result result = run_sft(sft_options("a"));
  EXPECT_EQ(result.state.step, 8);
  EXPECT_LT(result.state.last_loss, 0.5 * result.state.first_loss);
  weights::Checkpoint::open((root_ / "a").string()).check();
  const Json summary = Json::parse(read("a/summary.json"));
  for (const char* key : {"command", "seed", "steps", "seconds", "tokens_per_second", "peak_bytes",
                          "mismatch", "machine"}) {
    EXPECT_TRUE(summary.contains(key)) << key;
  }
  EXPECT_NE(read("a/decoded_batch.txt").find("⟦the"), std::string::npos);
}

TEST_F(Training, ResultsDoNotDependOnMicroBatches) {
  SftOptions o = sft_options("a");
  run_sft(o);
  o.common.output_dir = (root_ / "b").string();
  o.common.micro_batch_tokens = 30;
  run_sft(o);
  const std::vector<Json> a = metrics("a"), b = metrics("b");
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    if (!a[i].contains("loss")) continue;
    EXPECT_NEAR(a[i]["loss"].get<double>(), b[i]["loss"].get<double>(), 1e-4);
  }
}

TEST_F(Training, AStoppedRunResumesToTheSameBits) {
  run_sft(sft_options("whole"));
  const std::atomic<bool> stop{true};  // stops after each step
  SftOptions o = sft_options("parts");
  EXPECT_TRUE(run_sft(o, &stop).interrupted);
  o.common.resume_from_checkpoint = "true";
  int parts = 1;
  while (run_sft(o, parts < 5 ? &stop : nullptr).interrupted) ++parts;
  EXPECT_EQ(parts, 5);
  EXPECT_TRUE(read("whole/model.safetensors") == read("parts/model.safetensors"));
  EXPECT_TRUE(metrics("whole") == metrics("parts"));
}

TEST_F(Training, AStoppedPolicyRunResumesToTheSameBits) {
  run_grpo(grpo_options("whole"));
  const std::atomic<bool> stop{true};
  GrpoOptions o = grpo_options("parts");
  EXPECT_TRUE(run_grpo(o, &stop).interrupted);
  o.common.resume_from_checkpoint = "true";
  EXPECT_TRUE(run_grpo(o, &stop).interrupted);
  EXPECT_FALSE(run_grpo(o).interrupted);
  EXPECT_EQ(Json::parse(read("parts/summary.json"))["reward"],
            Json::parse(read("whole/summary.json"))["reward"]);
  EXPECT_TRUE(read("whole/model.safetensors") == read("parts/model.safetensors"));
  EXPECT_TRUE(metrics("whole") == metrics("parts"));
  EXPECT_GT(metrics("whole")[0]["grad_norm"].get<double>(), 0);
  EXPECT_TRUE(read("whole/rollouts.jsonl") == read("parts/rollouts.jsonl"));
}

TEST_F(Training, MomentsOfAByteLearnAsWellAndResumeToTheSameBits) {
  SftOptions o = sft_options("whole");
  o.common.model_name_or_path = other_model({.width = 64, .layers = 1});  // weights worth packing
  o.common.save_steps = 1;
  o.common.optim = "adamw_8bit";
  const Result packed = run_sft(o);
  EXPECT_LT(packed.state.last_loss, 0.5 * packed.state.first_loss);
  o.common.output_dir = (root_ / "parts").string();
  const std::atomic<bool> stop{true};
  EXPECT_TRUE(run_sft(o, &stop).interrupted);
  o.common.resume_from_checkpoint = "true";
  EXPECT_FALSE(run_sft(o).interrupted);
  EXPECT_TRUE(read("whole/model.safetensors") == read("parts/model.safetensors"));
  o.common.output_dir = (root_ / "float").string();
  o.common.resume_from_checkpoint = "";
  o.common.optim = "adamw_torch";
  run_sft(o);
  EXPECT_FALSE(read("whole/model.safetensors") == read("float/model.safetensors"));
  const auto bytes = [&](const char* run) {
    const std::vector<std::string> steps = file::names_in((root_ / run / "checkpoints").string());
    return fs::file_size(root_ / run / "checkpoints" / steps.back() / "optimizer.safetensors");
  };
  EXPECT_LT(static_cast<double>(bytes("whole")), 0.65 * static_cast<double>(bytes("float")));
}

TEST_F(Training, LoraTrainsAnAdapterAndKeepsTheBase) {
  GrpoOptions o = grpo_options("lora");
  o.common.use_peft = true;
  o.common.lora_r = 4;
  const Result result = run_grpo(o);
  EXPECT_EQ(result.state.largest_mismatch, 0);
  EXPECT_TRUE(file::exists((root_ / "lora/adapter_model.safetensors").string()));
  const sample::Loaded loaded =
      sample::load((root_ / "lora").string(), {.dtype = kernel::Dtype::Float32, .lora = {}});
  EXPECT_TRUE(loaded.model->has_adapter());
}

TEST_F(Training, AFolderWithARunIsNeverOverwritten) {
  run_sft(sft_options("a"));
  EXPECT_NE(message([&] { run_sft(sft_options("a")); }).find("already holds a finished run"),
            std::string::npos);
  SftOptions o = sft_options("a");
  o.common.resume_from_checkpoint = "true";
  o.common.learning_rate = 1e-3;
  EXPECT_NE(message([&] { run_sft(o); }).find("learning_rate"), std::string::npos);
}

TEST_F(Training, AMemoryLimitIsASizeAndRefusesWhatCannotFitBeforeAnythingIsLoaded) {
  SftOptions o = sft_options("a");
  o.common.memory_limit = "plenty";
  EXPECT_NE(message([&] { run_sft(o); }).find("'plenty' is no size"), std::string::npos);
  o.common.memory_limit = std::to_string(tensor::held().now + 100'000);
  const std::string said = message([&] { run_sft(o); });
  EXPECT_NE(said.find("it may take 100 kB"), std::string::npos) << said;
  EXPECT_NE(said.find("weights"), std::string::npos) << said;
  EXPECT_FALSE(file::exists((root_ / "a").string()));
  o.common.memory_limit = "1GB";
  run_sft(o);
}

TEST_F(Training, ARunThatAnErrorEndedBeforeItBeganLeavesItsFolderFree) {
  SftOptions o = sft_options("a");
  std::ofstream(root_ / "bad.jsonl") << R"({"prompt": "say", "completion": 7})";
  o.data.dataset_name = (root_ / "bad.jsonl").string();
  EXPECT_NE(message([&] { run_sft(o); }).find("bad.jsonl:1"), std::string::npos);
  EXPECT_FALSE(file::exists((root_ / "a").string()));
  std::filesystem::create_directory(root_ / "a");
  std::ofstream(root_ / "a/notes.txt") << "mine";
  EXPECT_NE(message([&] { run_sft(o); }).find("bad.jsonl:1"), std::string::npos);
  run_sft(sft_options("a"));
  EXPECT_EQ(read("a/notes.txt"), "mine");
}

TEST_F(Training, SizesThatDoNotDivideAreRefused) {
  GrpoOptions o = grpo_options("a");
  o.rollout.num_generations = 3;
  EXPECT_NE(message([&] { run_grpo(o); }).find("do not divide into groups"), std::string::npos);
  o = grpo_options("a");
  o.rollout.top_p = 0.9;
  EXPECT_NE(message([&] { run_grpo(o); }).find("cut the distribution"), std::string::npos);
}

TEST_F(Training, ADamagedCheckpointIsNamed) {
  const std::atomic<bool> stop{true};
  SftOptions o = sft_options("a");
  run_sft(o, &stop);
  const std::string path = (root_ / "a/checkpoints/step-1/optimizer.safetensors").string();
  std::string bytes = file::read_file(path);
  bytes[bytes.size() / 2] ^= 1;
  std::ofstream(path) << bytes;
  o.common.resume_from_checkpoint = "true";
  EXPECT_NE(message([&] { run_sft(o); }).find("damaged"), std::string::npos);
}

}  // namespace temper::train
