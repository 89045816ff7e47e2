// A page of docs/, taken apart:
//
//   # name: title
//
//   What it is, in a sentence.
//
//   ## In plain words                  level concept
//   ## Formula, ## Pitfalls, …         level practice: every heading but the first and the last
//   ## Derivation and references       level research
//
// A table whose first heading stands in backquotes, such as `loss_type`, defines the names in its
// first column: `temper explain ipo` finds the row.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "temper/app/explain/table.h"

namespace temper::explain {

enum class Level { Concept, Practice, Research };

struct Section {
  std::string title;
  Level level = Level::Practice;
  std::string body;  ///< Markdown, without the heading
};

struct Page {
  std::string kind;     ///< supervised, preference, policy, algorithm, concept, verifier or task
  std::string name;     ///< what `temper explain` calls it; the file's name
  std::string title;    ///< the first heading
  std::string opening;  ///< Markdown between the first heading and the first section
  std::string summary;  ///< its first sentence, without marks
  std::vector<Section> sections;

  /// Null when there is none of that title.
  const Section* section(std::string_view title) const;
  /// Markdown of what a reader of that level gets. A page without a section of level concept, as
  /// those of verifiers and tasks, is shown whole at every level.
  std::string at(Level level) const;
};

/// What every page in docs/algorithms has, in this order; others may stand between.
extern const std::vector<std::string_view> kSections;

Page parse_page(std::string_view kind, std::string_view name, std::string_view markdown);

/// "`cispo`" and "`a`, `b`" to the names in backquotes.
std::vector<std::string> names_in(std::string_view cell);

}  // namespace temper::explain
