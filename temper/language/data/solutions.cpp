#include "temper/language/data/solutions.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "temper/foundation/error/error.h"

namespace temper::data {
namespace {

constexpr std::string_view kMark = "ки";

std::string stripped(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin));
}

Row stepwise(Json prompt, Json steps, Json labels, const std::string& where) {
  constexpr RowType kWanted[] = {RowType::Stepwise};
  Json value = {{"prompt", std::move(prompt)},
                {"completions", std::move(steps)},
                {"labels", std::move(labels)}};
  return make_row(std::move(value), where, kWanted);
}

/// Text up to each mark, and whether the step before it is right.
struct Marked {
  std::vector<std::string> texts;
  std::vector<bool> right;
};

Marked marked(std::string_view input, std::string_view label, const std::string& where) {
  auto bad = [&](const std::string& what) {
    throw Error({what, where,
                 "a Math-Shepherd row has an 'input' with the mark ки behind each step, and as "
                 "'label' the same text with + or - for every mark"});
  };
  Marked found;
  size_t read = 0, judged = 0;
  for (size_t mark; (mark = input.find(kMark, read)) != std::string_view::npos;) {
    found.texts.emplace_back(input.substr(read, mark - read));
    judged += mark - read;
    const char sign = judged < label.size() ? label[judged] : '?';
    if (sign != '+' && sign != '-') {
      bad("'label': wanted + or - for mark " + std::to_string(found.texts.size()) + " of 'input'");
    }
    found.right.push_back(sign == '+');
    read = mark + kMark.size();
    ++judged;
  }
  if (found.texts.empty()) bad("'input' has no mark");
  return found;
}

/// Where the first step begins, and in which text.
struct Place {
  size_t text, at;
};
std::optional<Place> first_step(const std::vector<std::string>& texts) {
  auto numbered = [](const std::string& text) {
    const size_t at = text.find("Step 1:");
    return at == std::string::npos ? text.find("step 1:") : at;
  };
  if (const size_t at = numbered(texts[0]); at != std::string::npos) return Place{0, at};
  if (const size_t at = texts[0].rfind('?'); at != std::string::npos) return Place{0, at + 1};
  for (size_t i = 1; i < texts.size(); ++i) {
    if (const size_t at = numbered(texts[i]); at != std::string::npos) return Place{i, at};
  }
  return {};
}

Row math_shepherd(const Row& row) {
  const Json& value = *row.value;
  const Marked all = marked(value["input"].get_ref<const std::string&>(),
                            value["label"].get_ref<const std::string&>(), row.where);
  const std::optional<Place> first = first_step(all.texts);
  if (!first) {
    throw Error({"'input': no first step is found behind the question", row.where,
                 "the first step begins with 'Step 1:', or the question ends in '?'"});
  }
  std::string prompt;
  for (size_t i = 0; i < first->text; ++i) prompt += all.texts[i];
  prompt += all.texts[first->text].substr(0, first->at);
  Json steps = Json::array(), labels = Json::array();
  for (size_t i = first->text; i < all.texts.size(); ++i) {
    steps.push_back(stripped(i == first->text ? all.texts[i].substr(first->at) : all.texts[i]));
    labels.push_back(static_cast<bool>(all.right[i]));
  }
  return stepwise(stripped(prompt), std::move(steps), std::move(labels), row.where);
}

/// The paths that raters took through the completions of a problem.
class Paths {
 public:
  Paths(const Row& row, Neutral neutral) : row_(row), neutral_(neutral) {}

  std::vector<Row> all() {
    const Json& question = (*row_.value)["question"];
    if (!question.contains("problem") || !question["problem"].is_string())
      bad("'question': wanted a 'problem'");
    const Json& label = (*row_.value)["label"];
    if (!label.contains("steps") || !label["steps"].is_array())
      bad("'label': wanted a list of 'steps'");
    for (const Json& step : label["steps"]) {
      if (!go_on(step)) break;
    }
    if (!steps_.empty()) add(steps_, labels_);
    if (rows_.empty()) bad("no step is rated");
    return std::move(rows_);
  }

 private:
  [[noreturn]] void bad(const std::string& what) const {
    throw Error({what, row_.where,
                 "a PRM800K row has question.problem and label.steps[], each with completions[] "
                 "{text, rating} and chosen_completion or human_completion"});
  }

  /// False: nobody went on from here.
  bool go_on(const Json& step) {
    if (!step.is_object()) bad("'label.steps': wanted objects");
    const Json completions = step.value("completions", Json()),
               chosen = step.value("chosen_completion", Json()),
               human = step.value("human_completion", Json());
    const size_t count = completions.is_array() ? completions.size() : 0;
    if (!chosen.is_null() && (!chosen.is_number_unsigned() || chosen.get<size_t>() >= count))
      bad("'chosen_completion': wanted the number of a completion, got " + chosen.dump());
    for (size_t i = 0; i < count; ++i) {
      if (chosen == i || !rated(completions[i])) continue;
      Json steps = steps_, labels = labels_;
      steps.push_back(text_of(completions[i]));
      labels.push_back(right(completions[i]));
      add(std::move(steps), std::move(labels));
    }
    if (!chosen.is_null()) {
      const Json& taken = completions[chosen.get<size_t>()];
      if (!rated(taken)) return false;
      steps_.push_back(text_of(taken));
      labels_.push_back(right(taken));
      return true;
    }
    if (human.is_null()) return false;
    steps_.push_back(text_of(human));
    labels_.push_back(true);
    return true;
  }

  bool rated(const Json& completion) const {
    return completion.is_object() && completion.contains("rating") &&
           !completion["rating"].is_null();
  }
  bool right(const Json& completion) const {
    const Json& rating = completion["rating"];
    if (rating != 1 && rating != 0 && rating != -1) {
      bad("'rating': wanted -1, 0 or 1, got " + rating.dump());
    }
    return rating == 1 || (rating == 0 && neutral_ == Neutral::Right);
  }
  std::string text_of(const Json& completion) const {
    if (!completion.is_object() || !completion.contains("text") || !completion["text"].is_string())
      bad("a completion has no 'text'");
    return completion["text"].get<std::string>();
  }

  void add(Json steps, Json labels) {
    rows_.push_back(stepwise((*row_.value)["question"]["problem"], std::move(steps),
                             std::move(labels),
                             row_.where + ", path " + std::to_string(rows_.size() + 1)));
  }

  const Row& row_;
  Neutral neutral_;
  Json steps_ = Json::array(), labels_ = Json::array();
  std::vector<Row> rows_;
};

}  // namespace

std::vector<Row> solutions(const Row& row, Neutral neutral) {
  const Json& value = *row.value;
  auto is = [&](const char* column, auto kind) {
    return value.contains(column) && (value[column].*kind)();
  };
  if (row.type == RowType::Stepwise) {
    if (value.contains("labels")) return {row};
    throw Error(
        {"the row has no 'labels'", row.where, "give true or false for each of its completions"});
  }
  if (is("input", &Json::is_string) && is("label", &Json::is_string)) return {math_shepherd(row)};
  if (is("question", &Json::is_object) && is("label", &Json::is_object))
    return Paths(row, neutral).all();
  std::string columns;
  for (const auto& [key, unused] : value.items()) columns += (columns.empty() ? "" : ", ") + key;
  throw Error({"wanted solutions with labelled steps, got a row with the columns " +
                   (columns.empty() ? "none" : columns),
               row.where,
               "prompt, completions and labels; Math-Shepherd's input and label; or PRM800K's "
               "question and label"});
}

}  // namespace temper::data
