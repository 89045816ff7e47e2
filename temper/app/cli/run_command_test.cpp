#include "temper/app/cli/run_command.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "temper/foundation/file/file.h"
#include "temper/language/token/bpe.h"

namespace temper::cli {

std::vector<Json> Ran::lines() const {
  std::vector<Json> all;
  std::istringstream in(out);
  for (std::string line; std::getline(in, line);) all.push_back(text::parse_json(line, "out"));
  return all;
}

Ran run_command(const std::string& name, const std::vector<std::string>& args,
                const std::string& input, CtrlC ctrl_c) {
  std::atomic<bool> interrupted{ctrl_c == CtrlC::Pressed};
  const Context context{{.quiet = false}, &interrupted};
  std::istringstream in(input);
  std::streambuf* before = std::cin.rdbuf(in.rdbuf());
  Ran ran;
  testing::internal::CaptureStdout();
  try {
    for (const NamedCommand& row : command_catalogue()) {
      if (row.name == name) ran.exit = row.member->run(args, context);
    }
  } catch (const Error& error) {
    ran.error = error.what();
    ran.exit = Exit::BadInput;
  }
  ran.out = testing::internal::GetCapturedStdout();
  std::cin.clear();
  std::cin.rdbuf(before);
  return ran;
}

std::string fresh_folder(const std::string& name) {
  const std::string path =
      testing::TempDir() + "temper_cli_" + std::to_string(getpid()) + "_" + name;
  file::remove_folder(path);
  file::make_folder(path);
  return path;
}

static std::string small_tokenizer() {
  const std::string folder = fresh_folder("tokenizer");
  Json vocabulary = Json::object(), added = Json::array();
  int id = 0;
  for (const auto& symbol : token::byte_symbols()) vocabulary[std::string(symbol)] = id++;
  for (const char* merged : {"he", "ll"}) vocabulary[merged] = id++;
  for (const char* special : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    added.push_back({{"id", id++},
                     {"content", special},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const Json level = {{"type", "ByteLevel"},
                      {"add_prefix_space", false},
                      {"trim_offsets", true},
                      {"use_regex", true}};
  const Json json = {
      {"version", "1.0"},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer", level},
      {"post_processor", nullptr},
      {"decoder", level},
      {"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", {"h e", "l l"}}}}};
  file::write_atomically(folder + "/tokenizer.json", json.dump());
  const Json config = {
      {"eos_token", "<|im_end|>"},
      {"pad_token", "<|endoftext|>"},
      {"chat_template", file::read_file(SOURCE_DIR "/golden/templates/chatml.jinja")}};
  file::write_atomically(folder + "/tokenizer_config.json", config.dump());
  return folder;
}

const std::string& small_model() {
  static const std::string folder = [] {
    const std::string made = fresh_folder("model");
    const Ran ran =
        run_command("init", {"--output_dir", made, "--tokenizer", small_tokenizer(), "--width",
                             "32", "--layers", "2", "--heads", "4", "--kv_heads", "2", "--context",
                             "256", "--dtype", "float32"});
    EXPECT_EQ(ran.error, "");
    return made;
  }();
  return folder;
}

}  // namespace temper::cli
