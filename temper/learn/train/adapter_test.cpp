// Runs that train adapters of every kind.
#include <atomic>
#include <nlohmann/json.hpp>

#include "temper/learn/train/training.h"

namespace temper::train {
namespace {

TEST_F(Training, AStoppedRunOfEveryAdapterResumesToTheSameBits) {
  const std::atomic<bool> stop{true};
  for (bool dora : {false, true}) {  // the second on a quantised base
    auto options = [&](const std::string& name) {
      SftOptions o = sft_options(name + (dora ? "_dora" : "_saved"));
      o.common.use_peft = o.common.use_rslora = true;
      o.common.use_dora = o.common.quantise.load_in_4bit = dora;
      if (!dora) o.common.lora_modules_to_save = {"lm_head", "norm"};
      return o;
    };
    run_sft(options("whole"));
    SftOptions o = options("parts");
    EXPECT_TRUE(run_sft(o, &stop).interrupted);
    o.common.resume_from_checkpoint = "true";
    EXPECT_FALSE(run_sft(o).interrupted);
    const std::string end = dora ? "_dora" : "_saved";
    EXPECT_TRUE(read("whole" + end + "/adapter_model.safetensors") ==
                read("parts" + end + "/adapter_model.safetensors"));
    EXPECT_TRUE(metrics("whole" + end) == metrics("parts" + end));
  }
}

TEST_F(Training, OptionsOfAdaptersWithoutOneAreRefused) {
  SftOptions o = sft_options("a");
  o.common.use_dora = true;
  EXPECT_NE(message([&] { run_sft(o); }).find("use_dora"), std::string::npos);
  o.common.use_dora = false;
  o.common.quantise.load_in_4bit = true;
  EXPECT_NE(message([&] { run_sft(o); }).find("--load_in_4bit is an option of adapters"),
            std::string::npos);
  o.common.quantise.load_in_8bit = o.common.use_peft = true;
  EXPECT_NE(message([&] { run_sft(o); }).find("exclude each other"), std::string::npos);
  o.common.quantise = {.use_bnb_nested_quant = true};
  EXPECT_NE(message([&] { run_sft(o); }).find("option of load_in_4bit"), std::string::npos);
  o = sft_options("b");
  o.common.use_peft = true;
  o.common.lora_modules_to_save = {"lm_haed"};
  EXPECT_NE(message([&] { run_sft(o); }).find("did you mean 'lm_head'"), std::string::npos);
}

TEST_F(Training, SamplerAndTrainerAgreeToTheBitWithEveryAdapter) {
  const auto plain = [](CommonOptions&) {};
  const auto dora = [](CommonOptions& o) { o.use_dora = true; };
  const auto whole = [](CommonOptions& o) {
    o.use_rslora = true;
    o.lora_target_modules = {R"(.*\.0\.self_attn\.(q|v)_proj)"};
    o.lora_modules_to_save = {"embed_tokens", "norm"};
  };
  const auto int8 = [](CommonOptions& o) { o.quantise.load_in_8bit = true; };
  const auto nf4 = [](CommonOptions& o) {
    o.quantise.load_in_4bit = o.quantise.use_bnb_nested_quant = true;
    o.use_dora = true;
  };
  int number = 0;
  for (void (*choose)(CommonOptions&) : {+plain, +dora, +whole, +int8, +nf4}) {
    GrpoOptions o = grpo_options("adapter" + std::to_string(number++));
    o.common.dtype = "bfloat16";
    o.common.use_peft = true;
    o.common.lora_r = 4;
    o.common.learning_rate = 1e-2;
    choose(o.common);
    const Result result = run_grpo(o);
    EXPECT_EQ(result.state.largest_mismatch, 0) << number;
    EXPECT_GT(result.state.compared, 100) << number;
  }
}

}  // namespace
}  // namespace temper::train
