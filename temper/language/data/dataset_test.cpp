#include "temper/language/data/dataset.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "temper/foundation/error/error.h"
#include "temper/foundation/file/file.h"

namespace temper::data {
namespace {

Row row_of(const std::string& text, std::vector<RowType> wanted = {}) {
  return make_row(text::parse_json(text, "row"), "rows.jsonl:3", wanted);
}

template <class Work>
std::string error_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Row, ColumnsMakeTheType) {
  struct Case {
    std::string text;
    RowType type;
    bool conversational;
  };
  const Case cases[] = {
      {R"({"text": "a"})", RowType::Text, false},
      {R"({"messages": [{"role": "user", "content": "a"}]})", RowType::Messages, true},
      {R"({"prompt": "a", "completion": "b"})", RowType::PromptCompletion, false},
      {R"({"prompt": [{"role": "user", "content": "a"}],
           "completion": [{"role": "assistant", "content": "b"}]})",
       RowType::PromptCompletion, true},
      {R"({"prompt": "a", "answer": "b", "completion": null})", RowType::PromptOnly, false},
      {R"({"instruction": "a", "input": "", "output": "b"})", RowType::PromptCompletion, true},
      {R"({"conversations": [{"from": "human", "value": "a"}]})", RowType::Messages, true},
      {R"({"prompt": "a", "chosen": "b", "rejected": "c"})", RowType::Preference, false},
      {R"({"chosen": [{"role": "user", "content": "a"}],
           "rejected": [{"role": "user", "content": "b"}]})",
       RowType::Preference, true},
      {R"({"prompt": "a", "completion": "b", "label": false})", RowType::Unpaired, false},
      {R"({"prompt": "a", "completion": "b", "label": 3})", RowType::PromptCompletion, false},
  };
  for (const Case& c : cases) {
    Row row = row_of(c.text);
    EXPECT_EQ(row.type, c.type) << c.text;
    EXPECT_EQ(row.conversational, c.conversational) << c.text;
  }
}

TEST(Row, PublishedColumnsAreRenamed) {
  Row share = row_of(
      R"({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "id": 4})");
  EXPECT_EQ(
      text::to_line(*share.value),
      R"({"id":4,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]})");
  Row alpaca = row_of(R"({"instruction": "Add.", "input": "1 2", "output": "3"})");
  EXPECT_EQ(text::to_line(*alpaca.value), R"({"prompt":[{"role":"user","content":"Add.\n\n1 2"}],)"
                                          R"("completion":[{"role":"assistant","content":"3"}]})");
}

TEST(Row, ToolsMayStandAsText) {
  Row row =
      row_of(R"({"messages": [{"role": "user", "content": "a"}], "tools": "[{\"name\": \"f\"}]"})");
  EXPECT_EQ((*row.value)["tools"][0]["name"], "f");
}

TEST(Row, CompletionIsIgnoredWherePromptsAreWanted) {
  EXPECT_EQ(row_of(R"({"prompt": "a", "completion": "b"})", {RowType::PromptOnly}).type,
            RowType::PromptOnly);
  EXPECT_EQ(row_of(R"({"question": "a"})", {RowType::Other}).type, RowType::Other);
}

TEST(Row, LabelsAreTrueOrFalse) {
  auto what = [&](const std::string& text) {
    return error_of([&] { row_of(text, {RowType::Unpaired, RowType::Preference}); });
  };
  EXPECT_EQ(what(R"({"prompt": "a", "completion": "b", "label": true})"), "no error");
  for (const char* label : {"1", "\"yes\"", "[true]"}) {
    const std::string got =
        what(R"({"prompt": "a", "completion": "b", "label": )" + std::string(label) + "}");
    EXPECT_NE(got.find("'label': wanted true or false, got " + std::string(label)),
              std::string::npos)
        << got;
    EXPECT_NE(got.find("rows.jsonl:3"), std::string::npos);
  }
  const std::string none = what(R"({"prompt": "a", "completion": "b"})");
  EXPECT_NE(none.find("wanted an unpaired-preference or preference row, got a prompt-only row"),
            std::string::npos)
      << none;
  EXPECT_EQ(
      row_of(R"({"prompt": "a", "completion": "b", "label": true})", {RowType::PromptCompletion})
          .type,
      RowType::PromptCompletion);
}

TEST(Row, PairsAreTwoAnswersWithLabels) {
  const Row pair = row_of(R"({"prompt": "p", "chosen": "a", "rejected": "b", "id": 4})");
  const std::vector<Row> both = unpaired(pair);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(text::to_line(*both[0].value),
            R"({"prompt":"p","id":4,"completion":"a","label":true})");
  EXPECT_EQ((*both[1].value)["completion"], "b");
  EXPECT_EQ((*both[1].value)["label"], false);
  EXPECT_EQ(both[1].where, pair.where);
  EXPECT_EQ(unpaired(both[0]).size(), 1u);
}

TEST(Row, PromptsOfPairsAreTakenOutOfTheirAnswers) {
  struct Case {
    std::string text, prompt, chosen, rejected;
  };
  // What TRL 1.16's extract_prompt makes of them; the two last ones it cannot take.
  const Case cases[] = {
      {R"({"chosen": "The sky is blue", "rejected": "The sky is green"})", "The sky is", " blue",
       " green"},
      {R"({"chosen": "Q: 2+2\nA: 4", "rejected": "Q: 2+2\nA:5"})", "Q: 2+2\nA:", " 4", "5"},
      {R"({"chosen": "same", "rejected": "same"})", "sam", "e", "e"},
      {R"({"chosen": "ab", "rejected": "abc"})", "a", "b", "bc"},
      {R"({"chosen": "né", "rejected": "nè"})", "n", "é", "è"},
      {R"({"chosen": "xé", "rejected": "xé"})", "x", "é", "é"},
      {R"({"prompt": "The", "chosen": "The sky", "rejected": "The sea"})", "The", "The sky",
       "The sea"},
      {R"({"chosen": "a ", "rejected": "b"})", "", "a ", "b"},
      {R"({"chosen": "", "rejected": "b"})", "", "", "b"},
  };
  for (const Case& c : cases) {
    const Row row = row_of(c.text, {RowType::Preference});
    EXPECT_EQ((*row.value)["prompt"], c.prompt) << c.text;
    EXPECT_EQ((*row.value)["chosen"], c.chosen) << c.text;
    EXPECT_EQ((*row.value)["rejected"], c.rejected) << c.text;
  }
}

TEST(Row, MessagesOfPairsLoseWhatTheyShare) {
  const std::string user = R"({"role":"user","content":"a"})";
  const std::string good = R"({"role":"assistant","content":"b"})";
  const std::string bad = R"({"role":"assistant","content":"c"})";
  auto columns = [&](const std::string& text) {
    const Row row = row_of(text, {RowType::Preference});
    EXPECT_TRUE(row.conversational);
    return text::to_line(*row.value);
  };
  const std::string made =
      R"({"chosen":[)" + good + R"(],"rejected":[)" + bad + R"(],"prompt":[)" + user + "]}";
  EXPECT_EQ(columns(R"({"chosen": [)" + user + "," + good + R"(], "rejected": [)" + user + "," +
                    bad + "]}"),
            made);
  using sorted = nlohmann::json;  // columns in any order
  // A prompt that is a string beside messages repeats them; ShareGPT's columns; both the same.
  EXPECT_EQ(sorted::parse(columns(R"({"prompt": "a", "chosen": [)" + user + "," + good +
                                  R"(], "rejected": [)" + user + "," + bad + "]}")),
            sorted::parse(made));
  EXPECT_EQ(sorted::parse(columns(R"({"conversations": [{"from": "human", "value": "a"}],
                                    "chosen": {"from": "gpt", "value": "b"},
                                    "rejected": {"from": "gpt", "value": "c"}})")),
            sorted::parse(made));
  EXPECT_EQ(sorted::parse(columns(R"({"chosen": [)" + good + R"(], "rejected": [)" + good + "]}")),
            sorted::parse(R"({"prompt":[],"chosen":[)" + good + R"(],"rejected":[)" + good + "]}"));
}

TEST(Row, BadRowsSayWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"[1]", "a row is an object, got array"},
      {R"({"question": "a", "answer": "b"})", "got none of them with the columns question, answer"},
      {R"({"text": 5})", "'text': wanted a string, got number"},
      {R"({"messages": []})", "'messages' holds no message"},
      {R"({"messages": ["a"]})", "messages[0]: wanted a message, got string"},
      {R"({"messages": "a"})", "'messages': wanted a list, got a string"},
      {R"({"messages": [{"content": "a"}]})", "messages[0]: no 'role'; found content"},
      {R"({"messages": [{"role": 1, "content": "a"}]})", "messages[0].role: wanted a string"},
      {R"({"messages": [{"role": "user", "content": 1}]})", "messages[0].content: wanted a string"},
      {R"({"messages": [{"role": "user"}]})", "neither 'content' nor 'tool_calls'"},
      {R"({"prompt": "a", "completion": [{"role": "assistant", "content": "b"}]})",
       "one is a string, the other a list of messages"},
      {R"({"prompt": {"a": 1}})", "'prompt': wanted a string or a list of messages, got object"},
      {R"({"prompt": "a", "tools": "{"})", "invalid JSON"},
      {R"({"prompt": "a", "tools": {}})", "'tools': wanted a list, got object"},
      {R"({"prompt": "a", "chat_template_kwargs": []})",
       "'chat_template_kwargs': wanted an object"},
      {R"({"chosen": "a", "rejected": [{"role": "user", "content": "b"}]})", "one is a string"},
      {R"({"chosen": "a", "rejected": 5})", "'rejected': wanted a string or a list of messages"},
      {R"({"chosen": "a"})", "got none of them with the columns chosen"},
      {R"({"prompt": [{"role": "user", "content": "b"}], "chosen": "a", "rejected": "b"})",
       "'prompt' is a list of messages"},
      {R"({"conversations": [{"from": "function_call", "value": "{}"}]})", "give tool_calls"},
  };
  for (const auto& [line, message] : cases) {
    std::string given = line, got = error_of([&] { row_of(given); });
    EXPECT_NE(got.find(message), std::string::npos) << given << "\n" << got;
    EXPECT_NE(got.find("rows.jsonl:3"), std::string::npos) << got;
  }
}

TEST(Dataset, BrokenJsonNamesItsLine) {
  std::string text;
  for (int i = 1; i < 7; ++i) text += "{\"text\": \"a\"}\n";
  text += "{\"text\": \n{\"text\": \"b\"}\n";
  std::string got = error_of([&] { parse_dataset(text, "rows.jsonl"); });
  EXPECT_NE(got.find("invalid JSON"), std::string::npos) << got;
  EXPECT_NE(got.find("rows.jsonl:7"), std::string::npos) << got;
  Dataset set = parse_dataset(text, "rows.jsonl", {.on_bad_row = "skip"});
  EXPECT_EQ(set.train.size(), 7);
  ASSERT_EQ(set.rejected.size(), 1);
  EXPECT_EQ(set.rejected[0].where, "rows.jsonl:7");
}

TEST(Dataset, RowsOfTwoTypesAreRefused) {
  std::string got = error_of([] {
    parse_dataset("{\"text\": \"a\"}\n\n{\"prompt\": \"a\", \"completion\": \"b\"}", "r.jsonl");
  });
  EXPECT_NE(got.find("prompt-completion of strings here, text at r.jsonl:1"), std::string::npos)
      << got;
  EXPECT_NE(got.find("r.jsonl:3"), std::string::npos) << got;
}

TEST(Dataset, AnArrayIsReadToo) {
  Dataset set = parse_dataset("\xEF\xBB\xBF [{\"text\": \"a\"},\n {\"text\": \"b\"}]", "r.json");
  ASSERT_EQ(set.train.size(), 2);
  EXPECT_EQ(set.train[1].where, "r.json[1]");
}

TEST(Dataset, NothingUsableIsAnError) {
  for (const char* text : {"", " \n\n", "[]"}) {
    EXPECT_NE(error_of([&] { parse_dataset(text, "r"); }).find("no usable row"), std::string::npos);
  }
  std::string got = error_of([] { parse_dataset("{}\n[1]\n", "r", {.on_bad_row = "skip"}); });
  EXPECT_NE(got.find("the first of 2 bad ones"), std::string::npos) << got;
}

TEST(Dataset, MaxRowsStopsReading) {
  EXPECT_EQ(parse_dataset("{\"text\": \"a\"}\nbroken", "r", {.max_rows = 1}).train.size(), 1);
}

TEST(Dataset, FolderHasAFileForEachSplit) {
  std::string folder = testing::TempDir() + "/temper_dataset_" + std::to_string(getpid());
  file::remove_folder(folder);
  file::make_folder(folder);
  std::string missing = error_of([&] { read_dataset({.dataset_name = folder}); });
  EXPECT_NE(missing.find("would be called train.jsonl"), std::string::npos) << missing;
  file::write_atomically(folder + "/train-0.jsonl", "{\"text\": \"a\"}\n");
  file::write_atomically(folder + "/train-1.jsonl", "{\"text\": \"b\"}\n{\"text\": \"c\"}\n");
  file::write_atomically(folder + "/training.jsonl", "{\"text\": \"not ours\"}\n");
  Dataset set = read_dataset({.dataset_name = folder, .test_split_size = 1});
  EXPECT_EQ(set.train.size(), 2);
  EXPECT_EQ(set.test.size(), 1);
  file::write_atomically(folder + "/test.jsonl", "{\"text\": \"d\"}\n");
  set = read_dataset({.dataset_name = folder, .test_split_size = 1});
  EXPECT_EQ(set.train.size(), 3);
  EXPECT_EQ((*set.test.at(0).value)["text"], "d");
  file::write_atomically(folder + "/test.jsonl", "{\"prompt\": \"d\"}\n");
  EXPECT_NE(error_of([&] { read_dataset({.dataset_name = folder}); }).find("both splits"),
            std::string::npos);
  file::remove_folder(folder);
}

TEST(Dataset, MissingFileIsNamed) {
  std::string got = error_of([] { read_dataset({.dataset_name = "/nowhere/rows.jsonl"}); });
  EXPECT_NE(got.find("'/nowhere/rows.jsonl' is neither a file nor a folder"), std::string::npos);
}

TEST(Dataset, HeldOutRowsAreThoseOfTheSeed) {
  std::string text;
  std::string path = testing::TempDir() + "/temper_rows_" + std::to_string(getpid()) + ".jsonl";
  for (int i = 0; i < 40; ++i) text += "{\"text\": \"" + std::to_string(i) + "\"}\n";
  file::write_atomically(path, text);
  DatasetOptions options{.dataset_name = path, .test_split_size = 0.1};
  Dataset a = read_dataset(options, {}, 1), b = read_dataset(options, {}, 1),
          c = read_dataset(options, {}, 2);
  ASSERT_EQ(a.test.size(), 4);
  auto names = [](const Dataset& set) {
    std::vector<std::string> out;
    for (const Row& row : set.test) out.push_back(row.where);
    return out;
  };
  EXPECT_EQ(names(a), names(b));
  EXPECT_NE(names(a), names(c));
  options.test_split_size = 40;
  EXPECT_NE(error_of([&] { read_dataset(options); }).find("fewer rows than the 40"),
            std::string::npos);
  file::remove_folder(path);
}

TEST(EpochOrder, IsAPermutationOfSeedAndEpoch) {
  auto first = epoch_order(100, 42, 0);
  EXPECT_EQ(std::set<int64_t>(first.begin(), first.end()).size(), 100);
  EXPECT_EQ(first, epoch_order(100, 42, 0));
  EXPECT_NE(first, epoch_order(100, 42, 1));
  EXPECT_NE(first, epoch_order(100, 43, 0));
  EXPECT_TRUE(epoch_order(0, 42, 0).empty());
}

TEST(Text, OfAFileIsReadByLineParagraphOrWhole) {
  const std::string text = "one\ntwo\n\nthree\n";
  auto rows = [&](const char* by) {
    DatasetOptions options;
    options.sample_by = by;
    std::vector<std::string> found;
    for (const Row& row : parse_dataset(text, "a.txt", options).train)
      found.push_back((*row.value)["text"].get<std::string>() + "@" + row.where);
    return found;
  };
  using Rows = std::vector<std::string>;
  EXPECT_EQ(rows("line"), (Rows{"one@a.txt:1", "two@a.txt:2", "three@a.txt:4"}));
  EXPECT_EQ(rows("paragraph"), (Rows{"one\ntwo@a.txt:1", "three\n@a.txt:4"}));
  EXPECT_EQ(rows("document"), Rows{text + "@a.txt:1"});
  try {
    parse_dataset("fine\nnot \xff fine\n", "a.txt");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("a.txt:2"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace temper::data
