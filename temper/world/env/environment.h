// Where behaviour is tried: an environment begins episodes, an episode shows messages, takes the
// assistant's turns and scores the whole. No tensors and no tokens here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "temper/foundation/text/json.h"
#include "temper/language/chat/message.h"
#include "temper/world/reward/rubric.h"

namespace temper::env {

enum class Split { Train, HeldOut };

/// One problem.
struct Row {
  std::vector<chat::Message> prompt;  ///< system and user messages
  std::string answer;                 ///< the reference
  JsonPtr info;                       ///< other columns, or null
  std::string where;                  ///< "train 17" or "rows.jsonl:18"
};

class Episode {
 public:
  virtual ~Episode() = default;
  /// The conversation so far; what the model sees next ends it.
  virtual const std::vector<chat::Message>& messages() const = 0;
  virtual bool done() const = 0;
  /// The assistant's turn. Never throws on what the model wrote.
  virtual void step(const std::string& assistant) = 0;
  /// Valid when done. Never throws on what the model wrote.
  virtual reward::Verdict score() const = 0;
};

class Environment {
 public:
  virtual ~Environment() = default;
  virtual std::string_view name() const = 0;
  /// Number of rows of a split; generators say how many they may make (at least 1).
  virtual int64_t size(Split split) const = 0;
  /// Row `index` of a split: the same arguments give the same row.
  virtual Row row(Split split, int64_t index, uint64_t seed) const = 0;
  virtual std::unique_ptr<Episode> begin(const Row& row) const = 0;
  virtual const reward::Rubric& rubric() const = 0;
  /// A right answer to the row in the wanted format (for demonstrations and `env check`); empty
  /// when there is none.
  virtual std::string demonstration(const Row& row) const = 0;
};

}  // namespace temper::env
