#include "temper/world/env/single_turn.h"

#include "temper/foundation/error/error.h"

namespace temper::env {
namespace {

class SingleTurnEpisode : public Episode {
 public:
  // Shared with the environment, which an episode may outlive.
  SingleTurnEpisode(std::shared_ptr<const SingleTurn> parts, const Row& row)
      : parts_(std::move(parts)), row_(row), messages_(row.prompt) {}

  const std::vector<chat::Message>& messages() const override { return messages_; }
  bool done() const override { return done_; }

  void step(const std::string& assistant) override {
    ASSERT(!done_, "the episode takes one turn");
    messages_.push_back({"assistant", assistant, nullptr});
    done_ = true;
  }

  reward::Verdict score() const override {
    ASSERT(done_, "an episode is scored when it is done");
    const std::string& completion = messages_.back().content;
    std::optional<std::string> answer = parts_->parser(completion);
    return parts_->rubric.judge({.answer = answer.value_or(""),
                                 .completion = completion,
                                 .reference = row_.answer,
                                 .info = row_.info,
                                 .row = row_.where,
                                 .parsed = answer.has_value()});
  }

 private:
  std::shared_ptr<const SingleTurn> parts_;
  Row row_;
  std::vector<chat::Message> messages_;
  bool done_ = false;
};

class SingleTurnEnvironment : public Environment {
 public:
  explicit SingleTurnEnvironment(SingleTurn parts)
      : parts_(std::make_shared<const SingleTurn>(std::move(parts))) {}

  std::string_view name() const override { return parts_->name; }
  int64_t size(Split split) const override { return parts_->size(split); }

  Row row(Split split, int64_t index, uint64_t seed) const override {
    if (index < 0 || index >= size(split))
      throw Error({"row " + std::to_string(index) + " is not one of " +
                       std::to_string(size(split)) +
                       (split == Split::Train ? " training rows" : " held-out rows"),
                   parts_->name, ""});
    Row row = parts_->row(split, index, seed);
    bool has_system = !row.prompt.empty() && row.prompt.front().role == "system";
    if (!parts_->system_prompt.empty() && !has_system)
      row.prompt.insert(row.prompt.begin(), {"system", parts_->system_prompt, nullptr});
    return row;
  }

  std::unique_ptr<Episode> begin(const Row& row) const override {
    return std::make_unique<SingleTurnEpisode>(parts_, row);
  }
  const reward::Rubric& rubric() const override { return parts_->rubric; }
  std::string demonstration(const Row& row) const override { return parts_->demonstration(row); }

 private:
  std::shared_ptr<const SingleTurn> parts_;  // episodes hold it too
};

}  // namespace

void serve(SingleTurn& parts, RowSet rows) {
  const auto shared = std::make_shared<const RowSet>(std::move(rows));
  parts.size = [shared](Split split) { return static_cast<int64_t>(shared->of(split).size()); };
  parts.row = [shared](Split split, int64_t index, uint64_t) {
    return shared->of(split)[static_cast<size_t>(index)];
  };
}

std::unique_ptr<Environment> single_turn(SingleTurn parts) {
  ASSERT(parts.parser && parts.size && parts.row && parts.demonstration, "all parts are given");
  return std::make_unique<SingleTurnEnvironment>(std::move(parts));
}

reward::Part rubric_part(const std::string& name, double weight, const std::string& verifier,
                         const Json& options, const std::string& where) {
  reward::Judge judge = reward::make_judge(verifier, options, where);
  const reward::Verifier& member = reward::find_verifier(verifier);
  return {name, weight, std::move(judge), member.lowest, member.highest};
}

}  // namespace temper::env
