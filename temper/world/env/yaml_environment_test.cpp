#include "temper/world/env/yaml_environment.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"
#include "temper/world/env/rows.h"

namespace temper::env {
namespace {

class YamlEnvironment : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "yaml-env-" + std::to_string(getpid());
    file::make_folder(folder_);
    write("rows.jsonl",
          "{\"q\": \"1+1\", \"a\": 2}\n\n{\"q\": \"1+2\", \"a\": \"3\"}\n"
          "{\"q\": \"1+3\", \"a\": 4}\n{\"q\": \"1+4\", \"a\": 5}\n{\"q\": \"1+5\", \"a\": 6}\n");
  }
  void TearDown() override { file::remove_folder(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    file::write_atomically(folder_ + "/" + name, text);
    return folder_ + "/" + name;
  }
  std::unique_ptr<Environment> read(const std::string& yaml) {
    return read_environment(write("env.yaml", yaml));
  }
  /// The error that `yaml` gives, its place without the folder.
  ErrorParts fault(const std::string& yaml) {
    try {
      read(yaml);
    } catch (const Error& error) {
      ErrorParts parts = error.parts();
      if (parts.where.starts_with(folder_)) parts.where.erase(0, folder_.size() + 1);
      return parts;
    }
    ADD_FAILURE() << "no error";
    return {};
  }

  std::string folder_;
};

const std::string kGood =
    "prompt: q\n"
    "answer: a\n"
    "rows: {train: rows.jsonl}\n"
    "rewards:\n"
    "  - verifier: number\n";

TEST_F(YamlEnvironment, TheShortestFileWorks) {
  auto environment = read(kGood);
  EXPECT_EQ(environment->name(), "env");
  EXPECT_EQ(environment->size(Split::Train), 4);
  EXPECT_EQ(environment->size(Split::HeldOut), 1);
  Row row = environment->row(Split::Train, 0, 1);
  ASSERT_EQ(row.prompt.size(), 1u);
  EXPECT_EQ(row.prompt[0].content, "1+1");
  EXPECT_EQ(row.answer, "2");
  EXPECT_EQ(row.info->at("q"), "1+1");
  EXPECT_TRUE(row.where.ends_with("rows.jsonl:1"));
  EXPECT_TRUE(environment->row(Split::Train, 1, 1).where.ends_with("rows.jsonl:3"));
  EXPECT_EQ(environment->row(Split::HeldOut, 0, 1).answer, "6");
  auto episode = environment->begin(row);
  episode->step("It is 2.");
  EXPECT_DOUBLE_EQ(episode->score().reward, 1);
  EXPECT_THROW(environment->row(Split::Train, 4, 1), Error);
}

TEST_F(YamlEnvironment, APromptTemplateFillsInColumns) {
  auto environment = read(
      "name: sums\nsystem_prompt: Be brief.\nprompt_template: 'What is {q}? ({a})'\nanswer: a\n"
      "parser: last_line\nrows: {train: rows.jsonl, held_out: rows.jsonl}\n"
      "rewards: [{verifier: exact, name: right, weight: 2}]\n");
  Row row = environment->row(Split::HeldOut, 4, 1);
  ASSERT_EQ(row.prompt.size(), 2u);
  EXPECT_EQ(row.prompt[0].content, "Be brief.");
  EXPECT_EQ(row.prompt[1].content, "What is 1+5? (6)");
  EXPECT_DOUBLE_EQ(environment->rubric().highest(), 2);
  EXPECT_EQ(environment->rubric().parts()[0].name, "right");
}

TEST_F(YamlEnvironment, MistakesNameTheirLineAndTheNearestNames) {
  ErrorParts e = fault(kGood + "system_promt: Hi\n");
  EXPECT_NE(e.what.find("'system_promt' is not one of: name, system_prompt"), e.what.npos);
  EXPECT_EQ(e.where, "env.yaml:6");
  EXPECT_NE(e.try_.find("'system_prompt'"), e.try_.npos);

  e = fault(kGood + "    wieght: 2\n");
  EXPECT_EQ(e.where, "env.yaml:6");
  EXPECT_NE(e.try_.find("'weight'"), e.try_.npos);

  e = fault(kGood + "    options: {tolerence: 1}\n");
  EXPECT_EQ(e.where, "env.yaml:6");
  EXPECT_NE(e.what.find("tolerence"), e.what.npos);
  EXPECT_NE(e.try_.find("tolerance"), e.try_.npos);

  e = fault(kGood + "  - verifier: exacct\n");
  EXPECT_EQ(e.where, "env.yaml:6");
  EXPECT_NE(e.try_.find("'exact'"), e.try_.npos);

  e = fault(kGood + "parser: xlm\n");
  EXPECT_EQ(e.where, "env.yaml:6");
  EXPECT_NE(e.try_.find("'xml'"), e.try_.npos);

  e = fault(kGood + "    weight: heavy\n");
  EXPECT_EQ(e.what, "key 'weight': wanted a number, got \"heavy\"");
  EXPECT_EQ(e.where, "env.yaml:6");

  EXPECT_EQ(fault(kGood + "  - verifier: number\n").what,
            "two parts of the rubric are called 'number'");
  EXPECT_EQ(fault(kGood + "prompt_template: '{q}'\n").where, "env.yaml:6");
  EXPECT_EQ(fault("answer: a\nrewards: [{verifier: exact}]\n").what, "key 'rows' is missing");
  EXPECT_EQ(fault("- a\n- b\n").where, "env.yaml:1");
  EXPECT_THROW(read_environment(folder_ + "/none.yaml"), Error);
}

TEST_F(YamlEnvironment, RowsThatCannotBeUsedNameTheirLine) {
  const std::string rest = "\nrows: {train: bad.jsonl}\nrewards: [{verifier: exact}]\n";
  write("bad.jsonl", "{\"q\": \"a\"}\n{\"q\": }\n");
  EXPECT_EQ(fault("prompt: q" + rest).where.substr(0, 11), "bad.jsonl:2");
  write("bad.jsonl", "{\"q\": \"a\"}\n[1]\n");
  EXPECT_EQ(fault("prompt: q" + rest).where, "bad.jsonl:2");
  write("bad.jsonl", "{\"question\": \"a\"}\n");
  ErrorParts e = fault("prompt: qestion" + rest);
  EXPECT_EQ(e.what, "no column 'qestion'; the row has: question");
  EXPECT_EQ(e.where, "bad.jsonl:1");
  EXPECT_NE(e.try_.find("'question'"), e.try_.npos);
  EXPECT_EQ(fault("prompt_template: 'Say {x}'" + rest).where, "bad.jsonl:1");
  EXPECT_EQ(fault("prompt_template: 'Say {question'" + rest).where, "bad.jsonl:1");
  EXPECT_EQ(fault("prompt: question" + rest).what,
            "too few rows to hold some out: wanted at least 5, got 1");
  write("bad.jsonl", "\n\n");
  EXPECT_EQ(fault("prompt: q" + rest).what, "the file holds no rows");
}

TEST_F(YamlEnvironment, AnInfoColumnAndAListOfMessagesAreTakenAsTheyAre) {
  std::string path = write("rows.jsonl",
                           "{\"prompt\": [{\"role\": \"system\", \"content\": \"S\"}, {\"role\": "
                           "\"user\", \"content\": \"U\"}], \"answer\": \"A\", \"info\": {\"n\": "
                           "2}}\n");
  std::vector<Row> rows = read_rows(path, {});
  ASSERT_EQ(rows.size(), 1u);
  ASSERT_EQ(rows[0].prompt.size(), 2u);
  EXPECT_EQ(rows[0].prompt[1].content, "U");
  EXPECT_EQ(text::to_line(*rows[0].info), "{\"n\":2}");
}

}  // namespace
}  // namespace temper::env
