// Solutions with labelled steps, out of the rows that process reward models are trained on:
//
//   stepwise        {"prompt", "completions", "labels"}, as TRL's PRMTrainer had them
//   Math-Shepherd   {"input", "label"}: question and steps with the mark "ки" behind each step, and
//                   the same text with + or - for every mark (Wang et al. 2023, arXiv 2312.08935)
//   PRM800K         {"question": {"problem"}, "label": {"steps": [{"completions": [{"text",
//                   "rating"}], "chosen_completion", "human_completion"}]}} (Lightman et al. 2023,
//                   arXiv 2305.20050)
//
// The latter two are read as TRL's examples/datasets/{math_shepherd,prm800k}.py turn them into
// stepwise rows. Departures: a mark within a Math-Shepherd question is left out of it wherever it
// stands, not for a list of questions; a PRM800K step without a rating is no step.
#pragma once

#include <vector>

#include "temper/language/data/dataset.h"

namespace temper::data {

/// What a step of PRM800K's rating 0 counts as.
enum class Neutral { Wrong, Right };

/// Stepwise rows with labels. A PRM800K row has one for every completion that was rated and not
/// gone on from, and one for the path that was. `row` is read as Stepwise, or as Other. Throws
/// Error where columns are none of these, naming those found.
std::vector<Row> solutions(const Row& row, Neutral neutral = Neutral::Wrong);

}  // namespace temper::data
