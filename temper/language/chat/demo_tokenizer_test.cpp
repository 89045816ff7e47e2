#include "temper/language/chat/demo_tokenizer.h"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "temper/foundation/file/file.h"
#include "temper/foundation/file/gguf.h"

namespace temper::chat {

data::Row row_of(Json value) {
  return data::make_row(std::move(value), "rows.jsonl:1");
}

Json said(const char* role, const char* content) {
  return {{"role", role}, {"content", content}};
}

void DemoTokenizer::SetUp() {
  const char* path = SOURCE_DIR "/.deps/models/SmolLM2-135M-Instruct.Q4_1.gguf";
  if (!file::exists(path)) GTEST_SKIP() << "SmolLM2-135M-Instruct.Q4_1.gguf is not there";
  static const auto tokenizer = token::Tokenizer::from_gguf(file::Gguf::open(path));
  tokenizer_ = tokenizer;
}

void DemoTokenizer::TearDownTestSuite() {
  file::remove_folder(folder());
}

Renderer DemoTokenizer::renderer(RendererOptions options) const {
  return Renderer(*tokenizer_, std::move(options), {kEnd});
}

std::string DemoTokenizer::folder() {
  std::string path = testing::TempDir() + "/temper_chat_" + std::to_string(getpid());
  file::make_folder(path);
  return path;
}

std::string DemoTokenizer::file_of(const std::string& source, const std::string& name) {
  std::string path = folder() + "/" + name + ".jinja";
  file::write_atomically(path, source);
  return path;
}

std::string DemoTokenizer::marked(const TokenRow& row) const {
  return show(row, *tokenizer_, false);
}

}  // namespace temper::chat
