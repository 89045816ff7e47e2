// A family's member by name, where the name is known to be right.
#pragma once

#include <algorithm>
#include <string_view>

#include "temper/foundation/error/error.h"

namespace temper::algo {

/// The member of that name in a catalogue that has it.
template <class Catalogue>
auto find_algorithm(const Catalogue& catalogue, std::string_view name) {
  const auto found = std::find_if(catalogue.begin(), catalogue.end(),
                                  [&](const auto& named) { return named.name == name; });
  ASSERT(found != catalogue.end(), "the catalogue has the member");
  return found->member;
}

}  // namespace temper::algo
