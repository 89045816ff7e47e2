// The plumbing commands: the contracts of docs/commands.md, and lines that cannot be used.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "temper/app/cli/run_command.h"
#include "temper/foundation/file/file.h"
#include "temper/foundation/file/safetensors.h"

namespace temper::cli {
namespace {

std::string one(const Ran& ran, const char* key = "error") {
  const std::vector<Json> lines = ran.lines();
  if (lines.size() != 1 || !lines[0].contains(key)) return "not one line: " + ran.out + ran.error;
  return lines[0][key].is_string() ? lines[0][key].get<std::string>() : lines[0][key].dump();
}

TEST(Tokenize, GoesToIdsAndBack) {
  const Ran ran = run_command("tokenize", {"--model", small_model()},
                              "{\"text\": \"hello<|im_end|>\"}\n\n{\"ids\": [256, 257, 78]}\n"
                              "{\"text\": \"\", \"add_special_tokens\": false}\n");
  ASSERT_EQ(ran.error, "");
  EXPECT_EQ(ran.exit, Exit::Done);
  const std::vector<Json> lines = ran.lines();
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0]["text"], "hello<|im_end|>");
  ASSERT_EQ(lines[0]["ids"].size(), 4U);  // he ll o <|im_end|>
  EXPECT_EQ(lines[0]["ids"][0], 256);
  EXPECT_EQ(lines[0]["ids"][3], 260);
  EXPECT_EQ(lines[1]["text"].get<std::string>().substr(0, 4), "hell");
  EXPECT_EQ(lines[2]["ids"], Json::array());
}

TEST(Tokenize, AnUnusableLineGivesAnErrorAndTheNextOneFollows) {
  std::string input;
  for (int i = 1; i <= 6; ++i) input += "{\"text\": \"x\"}\n";
  input += "{\"text\": \"x\"\n{\"text\": \"x\"}\n[1]\n{\"text\": 5}\n{\"ids\": [999]}\n";
  input += "{\"txet\": \"x\"}\n{\"text\": \"\xff\"}\n{\"ids\": [-1]}\n{}\n{\"text\": \"end\"}\n";
  const std::vector<Json> lines =
      run_command("tokenize", {"--model", small_model()}, input).lines();
  ASSERT_EQ(lines.size(), 16U);
  auto error = [&](size_t line) {
    return lines[line - 1].contains("error") ? lines[line - 1]["error"].get<std::string>()
                                             : "no error";
  };
  EXPECT_NE(error(7).find("line 7"), std::string::npos) << error(7);
  EXPECT_EQ(error(8), "no error");
  EXPECT_NE(error(9).find("wanted a JSON object"), std::string::npos);
  EXPECT_NE(error(10).find("text: wanted a string"), std::string::npos);
  EXPECT_NE(error(11).find("999 is outside the vocabulary of 261"), std::string::npos);
  EXPECT_NE(error(12).find("did you mean 'text'"), std::string::npos) << error(12);
  EXPECT_NE(error(13).find("UTF-8"), std::string::npos) << error(13);
  EXPECT_NE(error(14).find("outside"), std::string::npos);
  EXPECT_NE(error(15).find("either 'text' or 'ids'"), std::string::npos);
  EXPECT_EQ(lines[15]["text"], "end");
}

TEST(Render, PrintsTheModelsTemplate) {
  const Ran ran = run_command("render", {"--model", small_model()},
                              R"({"messages": [{"role": "user", "content": "2+2?"}],)"
                              R"( "add_generation_prompt": true})");
  EXPECT_EQ(one(ran, "text"), "<|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(one(ran, "assistant_spans"), "[]");
}

TEST(Render, SpansAreInCharacters) {
  const std::string path = fresh_folder("template") + "/t.jinja";
  file::write_atomically(path,
                         "{% for m in messages %}{% if m.role == 'assistant' %}A:"
                         "{% generation %}{{ m.content }}{% endgeneration %}{% else %}"
                         "U:{{ m.content }}{% endif %}{% endfor %}"
                         "{{ strftime_now('%d %b %Y') }}{{ extra }}{{ tools is none }}");
  const Ran ran = run_command(
      "render", {"--template", path},
      R"({"messages": [{"role": "user", "content": "é€𝄞"}, {"role": "assistant", "content": "ñ!"}],)"
      R"( "now": "2024-02-29", "extra": 7})");
  EXPECT_EQ(one(ran, "text"), "U:é€𝄞A:ñ!29 Feb 20247True");
  EXPECT_EQ(one(ran, "assistant_spans"), "[[7,9]]");
  const std::string error =
      one(run_command("render", {"--template", path}, R"({"messages": [], "now": "soon"})"));
  EXPECT_NE(error.find("'soon' is not a date"), std::string::npos) << error;
}

TEST(Render, NeedsATemplate) {
  EXPECT_NE(run_command("render", {}, "").error.find("--template"), std::string::npos);
}

// golden/tiny holds no tokenizer: lists of ids are scored all the same. 1e-5: what float32 logits
// may differ by (golden/tiny_models.py), far above rounding here.
TEST(Score, EqualsTransformersLogProbs) {
  const std::string folder = SOURCE_DIR "/golden/tiny/llama";
  const file::Safetensors vectors = file::Safetensors::open(folder + "/vectors.safetensors");
  const auto* ids = vectors.find("ids_0");
  const auto* logits = vectors.find("logits_0");
  const auto* id = reinterpret_cast<const int64_t*>(ids->data.data());
  const auto* logit = reinterpret_cast<const double*>(logits->data.data());
  const int64_t count = ids->shape[0], vocabulary = logits->shape[1];
  const Json line = {{"tokens", std::vector<int64_t>(id, id + count)}};
  const std::vector<Json> out =
      run_command("score", {"--model", folder, "--dtype", "float32"}, line.dump()).lines();
  ASSERT_EQ(out.size(), 1U);
  ASSERT_EQ(out[0]["logprobs"].size(), static_cast<size_t>(count - 1)) << out[0];
  for (int64_t t = 0; t + 1 < count; ++t) {
    const double* row = logit + t * vocabulary;
    double sum = 0;
    for (int64_t v = 0; v < vocabulary; ++v) sum += std::exp(row[v]);
    EXPECT_NEAR(out[0]["logprobs"][static_cast<size_t>(t)].get<double>(),
                row[id[t + 1]] - std::log(sum), 1e-5);
  }
}

TEST(Score, TakesTextAndRefusesWhatDoesNotFit) {
  const std::vector<std::string> args = {"--model", small_model(), "--dtype", "float32"};
  const Ran ran = run_command("score", args, R"({"prompt": "he", "completion": "ll"})");
  EXPECT_EQ(one(ran, "tokens"), "[256,257]");
  const std::string longest(500, 'x');
  EXPECT_NE(
      one(run_command("score", args, R"({"prompt": ")" + longest + R"(", "completion": "y"})"))
          .find("the model's context holds 256"),
      std::string::npos);
  EXPECT_NE(one(run_command("score", args, R"({"tokens": [1, 400]})")).find("vocabulary of 261"),
            std::string::npos);
  EXPECT_NE(one(run_command("score", args, R"({"prompt": "x"})")).find("completion"),
            std::string::npos);
  EXPECT_EQ(one(run_command("score", args, R"({"tokens": [7]})"), "logprobs"), "[]");
  const Ran bare = run_command("score", {"--model", SOURCE_DIR "/golden/tiny/llama"},
                               R"({"prompt": "x", "completion": "y"})");
  EXPECT_NE(one(bare).find("needs a tokenizer"), std::string::npos);
}

TEST(Sample, GivesLogProbsThatScoreGives) {
  const std::vector<std::string> args = {"--model", small_model(), "--dtype", "float32"};
  const Ran ran = run_command("sample", args,
                              R"({"prompt": [1, 2, 3], "n": 3, "seed": 5, "max_tokens": 6})"
                              "\n"
                              R"({"prompt": [1, 2, 3], "n": 3, "seed": 5, "max_tokens": 6})");
  ASSERT_EQ(ran.error, "");
  const std::vector<Json> lines = ran.lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0], lines[1]);  // a seed names its answer, wherever the line stands
  ASSERT_EQ(lines[0]["completions"].size(), 3U) << ran.out;
  EXPECT_NE(lines[0]["completions"][0]["tokens"], lines[0]["completions"][1]["tokens"]);
  for (const Json& said : lines[0]["completions"]) {
    Json tokens = {1, 2, 3};
    for (const Json& token : said["tokens"]) tokens.push_back(token);
    const Ran scored = run_command("score", args, Json{{"tokens", tokens}}.dump());
    const Json logp = scored.lines()[0]["logprobs"];
    ASSERT_EQ(said["logprobs"].size(), said["tokens"].size());
    for (size_t i = 0; i < said["logprobs"].size(); ++i) {
      EXPECT_EQ(said["logprobs"][i], logp[i + 2]);  // one numerics path: bit for bit
    }
    const bool stopped = said["tokens"].back() == 260;
    EXPECT_EQ(said["finish_reason"], stopped ? "stop" : "length");
  }
}

TEST(Sample, ReadsOptionsFromTheLineAndTheCommand) {
  const std::vector<std::string> args = {"--model",      small_model(), "--temperature", "0",
                                         "--max_tokens", "3",           "--n",           "2"};
  const Ran ran = run_command("sample", args,
                              R"({"messages": [{"role": "user", "content": "hi"}]})"
                              "\n"
                              R"({"prompt": "hi", "n": 1, "max_tokens": 1, "stop": "x"})"
                              "\n"
                              R"({"prompt": "hi", "temprature": 1})"
                              "\n"
                              R"({"prompt": "hi", "top_p": 2})"
                              "\n"
                              R"({"prompt": "hi", "messages": []})");
  const std::vector<Json> lines = ran.lines();
  ASSERT_EQ(lines.size(), 5U);
  ASSERT_EQ(lines[0]["completions"].size(), 2U) << lines[0];
  EXPECT_EQ(lines[0]["completions"][0], lines[0]["completions"][1]);  // greedy
  ASSERT_EQ(lines[1]["completions"].size(), 1U) << lines[1];
  EXPECT_EQ(lines[1]["completions"][0]["tokens"].size(), 1U);
  EXPECT_NE(lines[2]["error"].get<std::string>().find("temperature"), std::string::npos);
  EXPECT_NE(lines[3]["error"].get<std::string>().find("top_p"), std::string::npos);
  EXPECT_NE(lines[4]["error"].get<std::string>().find("either"), std::string::npos);
}

TEST(Sample, RefusesAPromptLongerThanTheContext) {
  const Json line = {{"prompt", std::string(300, 'x')}};
  const Ran ran = run_command("sample", {"--model", small_model()}, line.dump());
  EXPECT_NE(one(ran).find("the model's context holds 256"), std::string::npos) << ran.out;
}

TEST(Sample, SaysTheSameOfLinesAloneAndTogether) {
  std::string lines;
  for (int i = 0; i < 7; ++i) {
    lines += Json{{"prompt", {1, 2, 3 + i}}, {"n", 2}, {"max_tokens", 5}}.dump() + "\n";
    if (i == 3) lines += Json{{"prompt", std::string(300, 'x')}}.dump() + "\n{\"prompt\"\n";
  }
  const Ran alone = run_command("sample", {"--model", small_model(), "--batch_lines", "1"}, lines);
  const Ran five = run_command("sample", {"--model", small_model(), "--batch_lines", "5"}, lines);
  const Ran all = run_command("sample", {"--model", small_model(), "--batch_lines", "64"}, lines);
  ASSERT_EQ(alone.lines().size(), 9U) << alone.out;
  EXPECT_TRUE(alone.lines()[4].contains("error"));
  EXPECT_TRUE(alone.lines()[5].contains("error"));
  EXPECT_EQ(alone.out, five.out);
  EXPECT_EQ(alone.out, all.out);
}

TEST(Sample, PrintsTextForAPrompt) {
  const std::vector<std::string> args = {"--model", small_model(), "--prompt",     "he",
                                         "--n",     "1",           "--max_tokens", "4"};
  const Ran live = run_command("sample", args);
  EXPECT_EQ(live.error, "");
  EXPECT_TRUE(live.out.ends_with("\n"));
  EXPECT_EQ(live.out.find("logprobs"), std::string::npos);
}

TEST(Verify, ScoresWithReasons) {
  const Ran ran = run_command("verify", {"--verifier", "exact"},
                              R"({"answer": "4", "reference": "4"})"
                              "\n"
                              R"({"answer": "5", "reference": 4})"
                              "\n"
                              R"({"reference": "4"})");
  const std::vector<Json> lines = ran.lines();
  ASSERT_EQ(lines.size(), 3U) << ran.error;
  EXPECT_EQ(lines[0]["score"], 1.0);
  EXPECT_EQ(lines[0]["outcome"], "scored");
  EXPECT_EQ(lines[1]["score"], 0.0);
  EXPECT_EQ(lines[1]["outcome"], "scored");
  EXPECT_TRUE(lines[2].contains("error"));
}

TEST(Verify, OtherKeysAreColumnsAndAFailureIsNoZero) {
  const std::vector<std::string> args = {"--verifier", "count", "--options",
                                         R"({"literal": "[PII]", "key": "pii_count"})"};
  const Ran ran = run_command("verify", args,
                              R"({"answer": "[PII] at [PII]", "pii_count": 2})"
                              "\n"
                              R"({"answer": "[PII]", "info": {"pii_count": 1}})"
                              "\n"
                              R"({"answer": "[PII]"})");
  const std::vector<Json> lines = ran.lines();
  ASSERT_EQ(lines.size(), 3U) << ran.error;
  EXPECT_EQ(lines[0]["score"], 1.0) << lines[0];
  EXPECT_EQ(lines[1]["score"], 1.0) << lines[1];
  EXPECT_EQ(lines[2]["outcome"], "unscorable");
  EXPECT_TRUE(lines[2]["score"].is_null());
}

TEST(Verify, ListsAndSuggests) {
  EXPECT_NE(run_command("verify", {"--list"}).out.find("xml_format"), std::string::npos);
  EXPECT_NE(run_command("verify", {"--verifier", "exakt"}).error.find("did you mean 'exact'"),
            std::string::npos);
  EXPECT_NE(
      run_command("verify", {"--verifier", "exact", "--options", "{"}).error.find("--options"),
      std::string::npos);
}

TEST(Plumbing, ABadLineInTheMiddleIsNamedAndNothingElseChanges) {
  const std::string tokens = R"({"tokens": [1, 2]})", model = small_model();
  const std::string user = R"({"messages": [{"role": "user", "content": "x"}]})";
  const std::string say = R"({"prompt": [1], "max_tokens": 1})";
  const std::string long_ids = Json(std::vector<int>(300, 1)).dump();
  struct Case {
    const char* command;
    std::vector<std::string> args;
    std::string good;
    std::vector<std::string> bad;
  };
  const Case cases[] = {
      {"tokenize",
       {"--model", model},
       R"({"text": "x"})",
       {R"({"text": 1})", R"({"ids": [261]})", R"({"ids": "x"})", "{", "7"}},
      {"render",
       {"--model", model},
       user,
       {R"({"messages": 1})", R"({"messages": [7]})", R"({"messages": [], "now": []})", "["}},
      {"score",
       {"--model", model},
       tokens,
       {R"({"tokens": [1, 261]})", R"({"tokens": []})", R"({"tokens": )" + long_ids + "}",
        R"({"prompt": "x", "completion": 7})", R"({"tokens": [1.5]})", "x"}},
      {"sample",
       {"--model", model},
       say,
       {R"({"prompt": []})", R"({"prompt": [-1]})", R"({"prompt": )" + long_ids + "}",
        R"({"prompt": [1], "n": "x"})", R"({"messages": [7]})", R"({"prompt": [1], "m": 1})"}},
      {"verify",
       {"--verifier", "exact"},
       R"({"answer": "1", "reference": "1"})",
       {R"({"reference": "1"})", R"({"answer": []})", R"({"answer": "1", "answer": "1"})"}}};
  for (const Case& c : cases) {
    for (const std::string& bad : c.bad) {
      const std::string input = c.good + "\n\n" + bad + "\n" + c.good + "\n";
      const Ran ran = run_command(c.command, c.args, input);
      const std::vector<Json> lines = ran.lines();
      ASSERT_EQ(lines.size(), 3U) << c.command << bad << ran.error;
      EXPECT_FALSE(lines[0].contains("error")) << lines[0];
      ASSERT_EQ(lines[1].size(), 1U) << bad << lines[1];
      EXPECT_NE(lines[1]["error"].get<std::string>().find("\n  where: line 3"), std::string::npos)
          << c.command << " " << bad << " " << lines[1];
      EXPECT_FALSE(lines[2].contains("error")) << lines[2];
      EXPECT_EQ(ran.exit, Exit::Done);
    }
  }
}

TEST(Plumbing, ReadsAFileAsWell) {
  const std::string path = fresh_folder("input") + "/lines.jsonl";
  file::write_atomically(path, "{\"text\": \"he\"}\n");
  const Ran ran = run_command("tokenize", {"--model", small_model(), "--input", path});
  EXPECT_EQ(one(ran, "ids"), "[256]");
  const Ran missing = run_command("tokenize", {"--model", small_model(), "--input", path + "x"});
  EXPECT_NE(missing.error.find("lines.jsonlx"), std::string::npos);
}

}  // namespace
}  // namespace temper::cli
