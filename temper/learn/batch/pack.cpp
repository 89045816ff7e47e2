#include "temper/learn/batch/pack.h"

#include <algorithm>

#include "temper/foundation/error/error.h"
#include "temper/learn/batch/bins.h"

namespace temper::batch {
namespace {

int64_t size_of(const std::vector<int32_t>& tokens) {
  return static_cast<int64_t>(tokens.size());
}

int64_t rows_of(const Answer& answer) {
  return std::max<int64_t>(0, size_of(answer.tokens) - 1);
}

class Builder {
 public:
  void add(const Group& group) {
    ASSERT(!group.answers.empty(), "a group has answers");
    ++unit_;
    const int64_t prompt = size_of(group.prompt);
    const bool shared = prompt > 0 && group.answers.size() > 1;
    int64_t trunk_row = first_row();
    std::vector<int32_t> trunk_blocks;
    if (shared) {
      trunk_blocks = append_run(group.prompt, prompt, 0, {}, true);
      packed_.tokens += prompt;
    }
    for (const Answer& answer : group.answers) {
      ASSERT(answer.tokens.size() == answer.trained.size(), "a flag for every token");
      const int32_t index = static_cast<int32_t>(packed_.answers.size());
      packed_.answers.push_back(answer.id);
      packed_.tokens += size_of(answer.tokens);
      if (shared) {
        const int64_t row = first_row();
        branch(answer, prompt, trunk_blocks);
        targets(answer, index, trunk_row + prompt - 1, row);
      } else {
        packed_.tokens += prompt;
        trunk_row = first_row();
        std::vector<int32_t> whole = group.prompt;
        whole.insert(whole.end(), answer.tokens.begin(), answer.tokens.end());
        append_run(whole, size_of(whole) - 1, 0, {}, false);
        targets(answer, index, prompt > 0 ? trunk_row + prompt - 1 : -1, trunk_row + prompt);
      }
    }
  }

  Packed take() {
    packed_.rows.blocks = blocks_;
    return std::move(packed_);
  }

 private:
  int64_t first_row() const { return packed_.rows.rows(); }

  /// Appends the first `count` tokens as rows at positions from `position`, in `blocks` and new
  /// ones after them.
  std::vector<int32_t> append_run(const std::vector<int32_t>& tokens, int64_t count,
                                  int64_t position, std::vector<int32_t> blocks, bool trunk) {
    model::SequenceRows run{.first_row = first_row(),
                            .rows = count,
                            .first_position = position,
                            .blocks = std::move(blocks),
                            .unit = unit_,
                            .trunk = trunk};
    const int64_t needed = (position + count + kernel::kKvBlock - 1) / kernel::kKvBlock;
    while (static_cast<int64_t>(run.blocks.size()) < needed) {
      run.blocks.push_back(static_cast<int32_t>(blocks_++));
    }
    for (int64_t i = 0; i < count; ++i) {
      packed_.rows.tokens.push_back(tokens[static_cast<size_t>(i)]);
      packed_.rows.positions.push_back(static_cast<int32_t>(position + i));
    }
    std::vector<int32_t> used = run.blocks;
    if (count > 0) packed_.rows.sequences.push_back(std::move(run));
    return used;
  }

  void branch(const Answer& answer, int64_t prompt, const std::vector<int32_t>& trunk) {
    const int64_t rows = rows_of(answer);
    if (rows == 0) return;
    const int64_t whole = prompt / kernel::kKvBlock, parted = prompt % kernel::kKvBlock;
    std::vector<int32_t> blocks(trunk.begin(), trunk.begin() + whole);
    if (parted > 0) {
      const int32_t copy = static_cast<int32_t>(blocks_++);
      packed_.rows.copies.push_back({.from = trunk[static_cast<size_t>(whole)],
                                     .to = copy,
                                     .positions = static_cast<int32_t>(parted)});
      blocks.push_back(copy);
    }
    append_run(answer.tokens, rows, prompt, std::move(blocks), false);
  }

  /// `before` is the row that predicts the answer's first token (-1: none), `row` that of the first
  /// token itself.
  void targets(const Answer& answer, int32_t index, int64_t before, int64_t row) {
    for (size_t i = 0; i < answer.tokens.size(); ++i) {
      if (answer.trained[i] == 0) continue;
      const int64_t from = i == 0 ? before : row + static_cast<int64_t>(i) - 1;
      if (from < 0) continue;
      packed_.rows.outputs.push_back(static_cast<int32_t>(from));
      packed_.targets.push_back(answer.tokens[i]);
      packed_.answer.push_back(index);
      packed_.place.push_back(static_cast<int32_t>(i));
    }
  }

  Packed packed_;
  int64_t blocks_ = 0, unit_ = -1;
};

}  // namespace

int64_t cost(const Group& group) {
  int64_t rows = size_of(group.prompt);
  for (const Answer& answer : group.answers) rows += rows_of(answer);
  return rows;
}

Packed pack_all(std::span<const Group> groups) {
  Builder builder;
  for (const Group& group : groups) builder.add(group);
  return builder.take();
}

std::vector<size_t> runs(std::span<const int64_t> costs, int64_t budget) {
  std::vector<size_t> sizes;
  int64_t used = 0;
  for (int64_t cost : costs) {
    if (sizes.empty() || used + cost > budget) {
      sizes.push_back(0);
      used = 0;
    }
    ++sizes.back();
    used += cost;
  }
  return sizes;
}

namespace {

/// The groups, those that exceed the budget cut between their answers.
std::vector<Group> within(std::span<const Group> groups, int64_t budget) {
  std::vector<Group> all;
  for (const Group& group : groups) {
    if (cost(group) <= budget) {
      all.push_back(group);
      continue;
    }
    Group part{.prompt = group.prompt, .answers = {}};
    for (const Answer& answer : group.answers) {
      if (!part.answers.empty() && cost(part) + rows_of(answer) > budget) {
        all.push_back(part);
        part.answers.clear();
      }
      part.answers.push_back(answer);
    }
    all.push_back(std::move(part));
  }
  return all;
}

}  // namespace

std::vector<Packed> pack(std::span<const Group> groups, int64_t budget) {
  const std::vector<Group> parts = within(groups, budget);
  std::vector<int64_t> costs;
  for (const Group& part : parts) costs.push_back(cost(part));
  std::vector<std::vector<size_t>> bins = best_fit_decreasing(costs, budget);
  for (std::vector<size_t>& bin : bins) std::ranges::sort(bin);
  std::ranges::sort(bins);
  std::vector<Packed> batches;
  for (const std::vector<size_t>& bin : bins) {
    Builder builder;
    for (size_t part : bin) builder.add(parts[part]);
    batches.push_back(builder.take());
  }
  return batches;
}

}  // namespace temper::batch
