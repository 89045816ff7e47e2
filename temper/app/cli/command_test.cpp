// What every command does alike, and the commands for trying and looking.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/app/cli/open_model.h"
#include "temper/app/cli/run_command.h"
#include "temper/foundation/file/file.h"

namespace temper::cli {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Command, EveryOneHasHelpAndRefusesWhatItDoesNotKnow) {
  for (const NamedCommand& row : command_catalogue()) {
    const std::string name(row.name);
    EXPECT_FALSE(row.member->summary.empty()) << name;
    const Ran help = run_command(name, {"--help"});
    EXPECT_EQ(help.exit, Exit::Done) << name << help.error;
    EXPECT_TRUE(help.out.starts_with("usage: temper " + name)) << help.out;
    EXPECT_TRUE(has(run_command(name, {"--no_such_option_1"}).error, "no_such_option_1")) << name;
  }
}

TEST(Command, AMisspeltOptionIsCorrected) {
  EXPECT_TRUE(has(run_command("sample", {"--modle", "m"}).error, "did you mean 'model'"));
  EXPECT_TRUE(has(run_command("eval", {"--model", "m"}).error, "option 'env' is required"));
  EXPECT_TRUE(has(run_command("score", {"--model", "m", "word"}).error, "one word too many"));
}

TEST(Model, ThatIsNotThereOrBrokenIsNamed) {
  const Ran missing = run_command("score", {"--model", "/no/such/model"});
  EXPECT_TRUE(has(missing.error, "/no/such/model")) << missing.error;
  const std::string folder = fresh_folder("truncated"), from = SOURCE_DIR "/golden/tiny/llama/";
  file::write_atomically(folder + "/config.json", file::read_file(from + "config.json"));
  const std::string weights = file::read_file(from + "model.safetensors");
  file::write_atomically(folder + "/model.safetensors", weights.substr(0, weights.size() / 2));
  const Ran truncated = run_command("score", {"--model", folder});
  EXPECT_EQ(truncated.exit, Exit::BadInput);
  EXPECT_TRUE(has(truncated.error, "model.safetensors")) << truncated.error;
  const Ran untokenized = run_command("sample", {"--model", SOURCE_DIR "/golden/tiny/llama"});
  EXPECT_TRUE(has(untokenized.error, "tokenizer.json")) << untokenized.error;
}

TEST(Model, OfAStoppedRunIsItsNewestCheckpoint) {
  const std::string run = fresh_folder("run");
  EXPECT_EQ(model_path(run), run);
  for (const char* step : {"/checkpoints/step-9", "/checkpoints/step-10"}) {
    file::make_folder(run + step);
    file::write_atomically(run + step + "/state.json", "{}");
  }
  EXPECT_EQ(model_path(run), run + "/checkpoints/step-10");
}

TEST(Init, RefusesAFolderInUseAndASmallVocabulary) {
  const std::vector<std::string> shape = {"--tokenizer", small_model(), "--width", "32"};
  auto init = [&](std::vector<std::string> args) {
    args.insert(args.end(), shape.begin(), shape.end());
    return run_command("init", args).error;
  };
  EXPECT_TRUE(has(init({"--output_dir", small_model()}), "nothing is overwritten"));
  const std::string folder = fresh_folder("init");
  EXPECT_TRUE(has(init({"--output_dir", folder, "--vocabulary", "200"}), "261 tokens"));
  EXPECT_TRUE(has(init({"--output_dir", folder, "--heads", "5"}), "not a multiple of 5 heads"));
  EXPECT_TRUE(file::names_in(folder).empty());
}

TEST(Init, TakesAConfigJson) {
  const std::string folder = fresh_folder("from_config");
  Json config = text::parse_json(file::read_file(SOURCE_DIR "/golden/tiny/qwen3/config.json"), "");
  config["vocab_size"] = 300;
  const std::string path = folder + ".json";
  file::write_atomically(path, config.dump());
  const Ran ran =
      run_command("init", {"--output_dir", folder, "--tokenizer", small_model(), "--config", path});
  ASSERT_EQ(ran.error, "");
  const Json found = run_command("inspect", {folder, "--json"}).lines()[0]["model"];
  EXPECT_EQ(found["architecture"], "Qwen3ForCausalLM");
  EXPECT_EQ(found["vocabulary"], 300);
  EXPECT_TRUE(found["stored"].contains("BF16")) << found;
}

TEST(Inspect, TellsShapeTokenizerAndParameters) {
  const Ran ran = run_command("inspect", {small_model(), "--json"});
  ASSERT_EQ(ran.error, "");
  const Json model = ran.lines()[0]["model"];
  EXPECT_EQ(model["context"], 256);
  int64_t total = 0;
  for (const auto& [kind, count] : model["parameters"]["by_kind"].items()) {
    total += count.get<int64_t>();
  }
  EXPECT_EQ(model["parameters"]["total"], total);
  EXPECT_EQ(model["stored"]["F32"], total);
  EXPECT_EQ(model["tokenizer"]["chat_template"], true);
  EXPECT_EQ(model["tokenizer"]["end_tokens"][0]["token"], "<|im_end|>");
  EXPECT_TRUE(has(run_command("inspect", {small_model()}).out, "context      256"));
  EXPECT_TRUE(has(run_command("inspect", {"/no/such"}).error, "no such file"));
}

TEST(Export, WritesTheSameModel) {
  const std::string folder = fresh_folder("exported");
  const Ran ran =
      run_command("export", {small_model(), "--output_dir", folder, "--dtype", "float32"});
  ASSERT_EQ(ran.error, "");
  EXPECT_TRUE(has(ran.out, "differ from the source's by 0 at most")) << ran.out;
  EXPECT_EQ(file::read_file(folder + "/model.safetensors"),
            file::read_file(small_model() + "/model.safetensors"));
  EXPECT_TRUE(has(run_command("export", {small_model(), "--output_dir", folder}).error,
                  "nothing is overwritten"));
}

class ExportAdapter : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(LoraAndDora, ExportAdapter, testing::Bool());

TEST_P(ExportAdapter, MergesIt) {
  const std::string adapter = fresh_folder("adapter"), folder = fresh_folder("merged");
  sample::Loaded loaded =
      sample::load(small_model(),
                   {.dtype = kernel::Dtype::Float32,
                    .training = model::Training::Lora,
                    .lora = {.rank = 2, .alpha = 4, .decomposed = GetParam(), .saved = {"norm"}}});
  float value = 0;
  for (float& each : loaded.model->store().masters()) each += std::sin(value += 0.7f) * 0.1f;
  loaded.model->refresh();
  model::write_adapter(adapter, *loaded.model, small_model());
  const Ran ran = run_command("export", {adapter, "--output_dir", folder, "--dtype", "float32"});
  ASSERT_EQ(ran.error, "");
  const std::string line = R"({"prompt": "hello", "completion": " world"})";
  auto logp = [&](const std::string& path) {
    return run_command("score", {"--model", path, "--dtype", "float32"}, line)
        .lines()[0]["logprobs"]
        .get<std::vector<double>>();
  };
  const std::vector<double> base = logp(small_model()), on = logp(adapter), merged = logp(folder);
  ASSERT_EQ(on.size(), merged.size());
  double moved = 0;
  for (size_t i = 0; i < on.size(); ++i) {
    EXPECT_NEAR(on[i], merged[i], 1e-4);  // float32, another order of additions
    moved += std::abs(on[i] - base[i]);
  }
  EXPECT_GT(moved, 1e-2);
}

TEST(Chat, KeepsAndForgetsTheConversation) {
  const std::vector<std::string> args = {small_model(), "--temperature", "0", "--max_tokens",
                                         "5",           "--top_p",       "1"};
  const Ran once = run_command("chat", args, "hi\n");
  ASSERT_EQ(once.error, "");
  EXPECT_FALSE(once.out.empty());
  const Ran reset = run_command("chat", args, "hi\n/reset\nhi\n/quit\nhi\n");
  EXPECT_EQ(reset.out, once.out + once.out);
  const Ran long_talk = run_command("chat", args, std::string(400, 'x') + "\nhi\n");
  EXPECT_TRUE(has(long_talk.out, "the model's context holds 256")) << long_talk.out;
  EXPECT_TRUE(long_talk.out.ends_with(once.out)) << long_talk.out;
  EXPECT_TRUE(has(run_command("chat", args, "/sytem x\n").out, "not a command"));
}

TEST(Chat, CtrlCEndsAnAnswerAndTheTalkGoesOn) {
  const std::vector<std::string> args = {small_model(), "--temperature", "0", "--max_tokens", "5"};
  const std::string once = run_command("chat", args, "hi\n").out;
  const Ran cut = run_command("chat", args, "hi\n/reset\nhi\n", CtrlC::Pressed);
  EXPECT_EQ(cut.exit, Exit::Done) << cut.error;
  EXPECT_TRUE(cut.out.ends_with(once)) << cut.out;
  EXPECT_LT(cut.out.size(), 2 * once.size());
}

TEST(Tokenize, StopsAtCtrlC) {
  const Ran ran =
      run_command("tokenize", {"--model", small_model()}, "{\"text\": \"x\"}\n", CtrlC::Pressed);
  EXPECT_EQ(ran.exit, Exit::Interrupted);
  EXPECT_EQ(ran.out, "");
}

TEST(Eval, WritesRolloutsAndRefusesAFolderInUse) {
  const std::string folder = fresh_folder("eval");
  const std::vector<std::string> args = {"--model",      small_model(), "--env",        "chain_sum",
                                         "--prompts",    "3",           "--samples",    "6",
                                         "--max_tokens", "4",           "--output_dir", folder};
  const Ran ran = run_command("eval", args);
  ASSERT_EQ(ran.error, "");
  EXPECT_TRUE(has(ran.out, "reward")) << ran.out;
  for (const char* figure : {"pass@1 ", "pass@2 ", "pass@4 ", "pass@6 "}) {
    EXPECT_TRUE(has(ran.out, figure)) << figure << ran.out;
  }
  const std::string rollouts = file::read_file(folder + "/rollouts.jsonl");
  EXPECT_EQ(std::count(rollouts.begin(), rollouts.end(), '\n'), 18);
  const Json summary = text::parse_json(file::read_file(folder + "/summary.json"), "summary");
  const Json& figures = summary["eval"]["chain_sum"];
  EXPECT_EQ(figures["prompts"], 3);
  double before = 0;
  for (const char* name : {"pass@1", "pass@2", "pass@4", "pass@6"}) {
    ASSERT_TRUE(figures.contains(name)) << name << figures;
    EXPECT_GE(figures[name], before);
    before = figures[name].get<double>();
  }
  EXPECT_FALSE(figures.contains("pass@8") || figures.contains("pass@3"));
  EXPECT_TRUE(has(run_command("eval", args).error, "nothing is overwritten"));
}

TEST(Data, ShowsTrainedTokensAndWhatTheLinterSays) {
  const std::string path = fresh_folder("rows") + "/rows.jsonl";
  file::write_atomically(path, R"({"prompt": [{"role": "user", "content": "2+2?"}],)"
                               R"( "completion": [{"role": "assistant", "content": "4"}]})"
                               "\n{\"prompt\"\n");
  const Ran ran = run_command("data", {"show", path, "--model", small_model()});
  ASSERT_EQ(ran.error, "");
  EXPECT_TRUE(has(ran.out, "⟦4<|im_end|>")) << ran.out;
  EXPECT_TRUE(has(ran.out, "rows.jsonl:2")) << ran.out;
  EXPECT_TRUE(has(run_command("data", {"shwo", path, "--model", "m"}).error, "wanted 'show'"));
}

TEST(Env, ListsChecksAndPlays) {
  EXPECT_TRUE(has(run_command("env", {"list"}).out, "pii_masking"));
  const Ran check = run_command("env", {"check", "chain_sum", "--rows", "4"});
  EXPECT_EQ(check.exit, Exit::Done) << check.out;
  const Ran play = run_command("env", {"play", "pii_masking"}, "no idea\n.\nrest\n");
  EXPECT_TRUE(has(play.out, "reward")) << play.out << play.error;
  EXPECT_TRUE(has(play.out, "exact")) << play.out;
  EXPECT_TRUE(has(run_command("env", {"check", "chain_sun"}).error, "did you mean 'chain_sum'"));
  EXPECT_TRUE(has(run_command("env", {"play", "chain_sum"}, "").error, "no answer"));
}

}  // namespace
}  // namespace temper::cli
