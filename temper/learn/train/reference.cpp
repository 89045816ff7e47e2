#include "temper/learn/train/reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "temper/foundation/clock/clock.h"
#include "temper/foundation/file/checksum.h"
#include "temper/foundation/file/file.h"

namespace temper::train {
namespace {

/// Of the tokens of all pairs, and where their model came from.
std::string checksum(std::span<step::Pair* const> pairs, const std::string& model) {
  file::Sha256 sum;
  sum.add(model);
  auto add = [&](const std::vector<int32_t>& tokens) {
    const uint64_t size = tokens.size();
    sum.add({reinterpret_cast<const char*>(&size), sizeof(size)});
    sum.add({reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(int32_t)});
  };
  for (const step::Pair* pair : pairs) {
    add(pair->prompt);
    add(pair->chosen);
    add(pair->rejected);
  }
  return sum.hex();
}

bool restored(const std::string& path, const std::string& sum, std::span<step::Pair* const> pairs) {
  if (!file::exists(path)) return false;
  const std::string text = file::read_file(path);
  size_t begin = 0;
  auto line = [&] {
    const size_t end = std::min(text.find('\n', begin), text.size());
    Json json = text::parse_json(std::string_view(text).substr(begin, end - begin), path);
    begin = std::min(end + 1, text.size());
    return json;
  };
  const Json head = line();
  if (head.value("pairs", size_t{0}) != pairs.size() || head.value("sha256", "") != sum) {
    return false;
  }
  for (step::Pair* pair : pairs) {
    const Json sums = line();
    for (const auto& value : sums) {
      if (!value.is_number()) return false;  // -inf has no JSON
    }
    pair->ref_chosen = {.logp = sums.at("chosen"), .shared = sums.at("chosen_shared")};
    pair->ref_rejected = {.logp = sums.at("rejected"), .shared = sums.at("rejected_shared")};
  }
  return true;
}

}  // namespace

void read_reference(Run& run, step::PairStepper& stepper, std::span<step::Pair* const> pairs) {
  const std::string path = run.options().output_dir + "/reference.jsonl";
  const std::string sum = checksum(pairs, run.options().model_name_or_path);
  if (run.resumed() && restored(path, sum, pairs)) return;
  const double begun = clock::seconds();
  stepper.reference(pairs);
  std::string text =
      text::to_line(
          {{"pairs", pairs.size()}, {"model", run.options().model_name_or_path}, {"sha256", sum}}) +
      "\n";
  for (const step::Pair* pair : pairs) {
    text += text::to_line({{"chosen", pair->ref_chosen.logp},
                           {"rejected", pair->ref_rejected.logp},
                           {"chosen_shared", pair->ref_chosen.shared},
                           {"rejected_shared", pair->ref_rejected.shared}}) +
            "\n";
  }
  file::write_atomically(path, text);
  if (!run.brief()) {
    runlog::print(fmt::format("reference  {} rows read by the model as it starts, {:.1f} s\n",
                              pairs.size(), clock::seconds() - begun));
  }
}

}  // namespace temper::train
