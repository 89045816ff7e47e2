// Rows and conversations become tokens, a mask of trained ones and spans, as TRL 1.16 makes them
// (SFTTrainer._prepare_dataset, GRPOTrainer._tokenize_prompts; recorded in golden/trl_rows.json).
//
// Where a template has no {% generation %} blocks and assistant_only_loss asks for the assistant's
// tokens, TRL swaps in a rewritten template; here the turns are found in the published one: a turn
// is what the template prints after the generation prompt. docs/data.md has the rules.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "temper/foundation/config/config.h"
#include "temper/foundation/text/json.h"
#include "temper/language/chat/message.h"
#include "temper/language/data/dataset.h"
#include "temper/language/template/template.h"
#include "temper/language/token/tokenizer.h"

namespace temper::chat {

struct RendererOptions {
  std::string chat_template_path = {};  ///< a Jinja file, or a folder with a tokenizer's files
  std::string eos_token = {};           ///< instead of the tokenizer's
  std::optional<bool> completion_only_loss = {};  ///< unset: only where rows have a completion
  bool assistant_only_loss = false;
  int64_t max_length = 1024;  ///< in tokens; 0 = no limit
  std::string truncation_mode = "keep_start";
  int64_t now_s = 0;  ///< seconds since 1970, for templates that print the date; fixed for a run
};
void describe(config::Fields<RendererOptions>& f);  ///< all but now_s

/// Tokens of one role, all trained or none.
struct Span {
  int64_t begin, end;  ///< half open, in tokens of the row
  std::string role;    ///< of the message; text, prompt or completion where there are no messages
  int turn;            ///< number of the message, from 0
  bool trained;
};

struct TokenRow {
  std::vector<token::Id> ids;
  std::vector<uint8_t> trained;  ///< 1 where the token is a target; one an id
  std::vector<Span> spans;       ///< cover all ids, in order
  int64_t prompt_tokens = 0;     ///< of a prompt-completion row: where the completion begins
  bool truncated = false;
  std::string where;
  /// TRL drops a row without trained tokens; so does the caller.
  int64_t trained_tokens() const;
};

class Renderer {
 public:
  /// `end_ids`: generation_config's eos_token_id. Throws Error for an eos_token or a template that
  /// cannot be had.
  Renderer(token::Tokenizer tokenizer, RendererOptions options, std::vector<token::Id> end_ids);

  /// One row of SFT. Throws Error with the row's place.
  TokenRow row(const data::Row& row) const;

  /// A conversation up to where the model speaks. `tools` and `kwargs` (template variables) may be
  /// null.
  std::vector<token::Id> prompt(const std::vector<Message>& messages, const Json* tools = nullptr,
                                bool add_generation_prompt = true,
                                const Json* kwargs = nullptr) const;
  std::string prompt_text(const std::vector<Message>& messages, const Json* tools = nullptr,
                          bool add_generation_prompt = true, const Json* kwargs = nullptr) const;
  /// The row's prompt: of messages with its own tools and chat_template_kwargs, or a plain string.
  std::vector<token::Id> prompt(const data::Row& row) const;

  /// Every id that ends a turn: the end token, generation_config's, and the template's end of turn.
  const std::vector<token::Id>& stop_ids() const { return stop_ids_; }
  token::Id eos() const;  ///< throws Error where there is none
  bool has_template() const { return template_.has_value(); }
  const token::Tokenizer& tokenizer() const { return tokenizer_; }
  const RendererOptions& options() const { return options_; }

  /// Looks at rows that are to be trained on. Throws Error when no trained token ends a turn, or a
  /// prompt is not a token prefix of prompt + answer. Returns warnings.
  std::vector<std::string> lint(std::span<const data::Row> sample) const;

 private:
  /// What a template is given, besides add_generation_prompt.
  struct Conversation {
    Json* messages;  // an array, as transformers hands it to a template
    const Json* tools;
    const Json* kwargs;
  };
  /// A message's part of the whole text, in bytes. `header` to `begin` is what the generation
  /// prompt prints; `found` is false where the turn could not be told from its neighbours.
  struct Turn {
    std::string role;
    size_t header, begin, end;
    bool found;
  };
  /// A row before truncation, and its prompt alone.
  struct Draft {
    TokenRow row;
    std::vector<token::Id> prompt_ids;
  };

  jinja::Rendered render(const Conversation& talk, bool add_generation_prompt) const;
  std::optional<std::string> prefix(const Conversation& talk, size_t count, bool prompt,
                                    const std::string& whole) const;
  std::vector<Turn> turns(const Conversation& talk, const std::string& whole) const;
  enum class Edge { Begin, End };
  std::optional<size_t> content_edge(const Conversation& talk, size_t message, Edge edge,
                                     const std::string& whole) const;
  std::optional<size_t> end_of_turn(const Conversation& talk, size_t message, size_t begin,
                                    const std::string& whole) const;
  bool is_stop(token::Id id) const;
  bool answer_follows_prompt(const data::Row& row, const std::vector<token::Id>& ids) const;
  std::vector<token::Id> find_stop_ids(const std::vector<token::Id>& end_ids) const;
  Draft draft(const data::Row& row) const;
  void draft_plain(const data::Row& row, Draft& draft) const;
  void draft_conversation(const data::Row& row, Draft& draft) const;
  void mark_assistant(const jinja::Rendered& whole, const std::vector<Turn>& turns,
                      Draft& draft) const;
  TokenRow finished(TokenRow row) const;
  const jinja::Template& chat_template() const;

  token::Tokenizer tokenizer_;
  RendererOptions options_;
  std::optional<token::Id> eos_;
  std::optional<jinja::Template> template_;
  std::vector<token::Id> stop_ids_;
};

/// The row decoded, trained tokens between ⟦ and ⟧, or green where colour is wanted.
std::string show(const TokenRow& row, const token::Tokenizer& tokenizer, bool colour);

}  // namespace temper::chat
