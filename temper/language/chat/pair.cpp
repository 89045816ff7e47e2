#include "temper/language/chat/pair.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/error/error.h"

namespace temper::chat {
namespace {

/// The row with one of its answers, as SFT knows rows.
data::Row with_answer(const data::Row& row, const char* answer) {
  Json value = *row.value;
  value["completion"] = value[answer];
  value.erase("chosen");
  value.erase("rejected");
  return {.type = data::RowType::PromptCompletion,
          .conversational = row.conversational,
          .value = std::make_shared<const Json>(std::move(value)),
          .where = row.where};
}

std::vector<token::Id> part(const std::vector<token::Id>& ids, int64_t begin, int64_t end) {
  return {ids.begin() + begin, ids.begin() + std::max(begin, end)};
}

}  // namespace

TokenPair token_pair(const Renderer& renderer, const data::Row& row, int64_t max_length) {
  const bool paired = row.type == data::RowType::Preference;
  if (!paired && row.type != data::RowType::Unpaired) {
    throw Error({"wanted a preference row, got a " + data::name(row.type) + " row", row.where, ""});
  }
  ASSERT(renderer.options().max_length == 0, "the pair is cut here, not its sequences");
  const data::Row first = with_answer(row, paired ? "chosen" : "completion");
  std::vector<TokenRow> made = {renderer.row(first)};
  if (paired) made.push_back(renderer.row(with_answer(row, "rejected")));
  int64_t prompt = made[0].prompt_tokens, longest = 0;
  for (const TokenRow& one : made) {
    prompt = std::min(prompt, one.prompt_tokens);
    longest = std::max(longest, std::ssize(one.ids));
  }
  const int64_t most = max_length > 0 ? max_length : longest;
  auto answer = [&](const TokenRow& one) {
    return part(one.ids, prompt, std::min(most, std::ssize(one.ids)));
  };
  TokenPair pair{.prompt = part(made[0].ids, 0, prompt),
                 .chosen = {},
                 .rejected = {},
                 .truncated = longest > most,
                 .prompt_tokens_lost = std::ssize(renderer.prompt(first)) - prompt,
                 .where = row.where,
                 .unusable = ""};
  const bool wanted = paired || row.value->at("label").get<bool>();
  (wanted ? pair.chosen : pair.rejected) = answer(made[0]);
  if (paired) pair.rejected = answer(made[1]);
  // A token without one before it is not predicted.
  const int64_t least = prompt == 0 ? 2 : 1;
  if (prompt >= most) {
    pair.unusable = "the prompt has " + std::to_string(prompt) +
                    " tokens, max_length leaves none " + "for the answers";
  } else if (std::any_of(made.begin(), made.end(),
                         [&](const TokenRow& one) { return std::ssize(answer(one)) < least; })) {
    pair.unusable = "an answer has no token to learn";
  } else if (pair.chosen == pair.rejected) {
    pair.unusable = std::string("chosen and rejected are the same tokens") +
                    (pair.truncated ? " after truncation" : "");
  }
  return pair;
}

std::vector<std::string> lint(const Renderer& renderer, const std::vector<TokenPair>& pairs) {
  int64_t lost = 0, endless = 0, cut = 0, paired = 0;
  const auto& stops = renderer.stop_ids();
  auto ends = [&](const std::vector<token::Id>& answer) {
    // A template may print a line break behind the end of a turn.
    return std::any_of(
        answer.end() - std::min<std::ptrdiff_t>(2, std::ssize(answer)), answer.end(),
        [&](token::Id id) { return std::find(stops.begin(), stops.end(), id) != stops.end(); });
  };
  for (const TokenPair& pair : pairs) {
    lost += pair.prompt_tokens_lost > 0 ? 1 : 0;
    cut += pair.truncated ? 1 : 0;
    endless += !pair.truncated && !pair.chosen.empty() && !ends(pair.chosen) ? 1 : 0;
    paired += !pair.chosen.empty() && !pair.rejected.empty() ? 1 : 0;
  }
  std::vector<std::string> notes;
  const std::string of =
      " of " + std::to_string(pairs.size()) + (paired > 0 ? " pairs" : " answers");
  if (lost > 0) {
    notes.push_back(std::to_string(lost) + of +
                    " lose tokens at the end of the prompt: tokens merge with the answer's, or the "
                    "template prints the prompt alone differently; the answer begins earlier");
  }
  if (endless > 0) {
    notes.push_back(std::to_string(endless) + of +
                    (paired > 0 ? " have a chosen answer without" : " are chosen ones without") +
                    " a token that ends a turn");
  }
  if (cut > 0) notes.push_back(std::to_string(cut) + of + " are cut to max_length");
  return notes;
}

}  // namespace temper::chat
