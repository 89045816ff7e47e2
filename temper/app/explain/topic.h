// What `temper explain` knows: the pages built into the program, and the names that they define.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "temper/app/explain/page.h"

namespace temper::explain {

/// Every page, in the order in which they are listed.
const std::vector<Page>& pages();

/// The kinds of pages in that order, with a heading for each.
struct Kind {
  std::string_view name, heading;
};
const std::vector<Kind>& kinds();

/// A row of a page's table that defines a name.
struct Definition {
  const Page* page;
  const Section* section;
  std::string of;                      ///< what the name is a value of: "loss_type"
  std::vector<std::string> head, row;  ///< the table's headings, the row's cells
};
/// Every definition of the name (in any case), those of the table with most names first.
std::vector<Definition> definitions(std::string_view name);

/// Markdown that explains a page's name, or a name that pages define (written in any case: "Dr.
/// GRPO", "SimPO", "REINFORCE++"). Throws Error with the nearest names for one that nobody knows.
std::string explained(std::string_view name, Level level);

}  // namespace temper::explain
