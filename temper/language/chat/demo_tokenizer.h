// For tests: the demo model's tokenizer, renderers over it, and rows in a few words.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "temper/foundation/error/error.h"
#include "temper/foundation/text/json.h"
#include "temper/language/chat/renderer.h"

namespace temper::chat {

data::Row row_of(Json value);
/// A message.
Json said(const char* role, const char* content);

template <class Work>
std::string error_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// Skips its tests when the model is not there.
class DemoTokenizer : public testing::Test {
 protected:
  static constexpr token::Id kEnd = 2;  ///< <|im_end|>

  void SetUp() override;
  static void TearDownTestSuite();

  Renderer renderer(RendererOptions options = {}) const;
  /// This process's own.
  static std::string folder();
  /// A file with this template.
  static std::string file_of(const std::string& source, const std::string& name = "test");
  /// The trained parts, each between brackets.
  std::string marked(const TokenRow& row) const;

  std::optional<token::Tokenizer> tokenizer_;
};

}  // namespace temper::chat
