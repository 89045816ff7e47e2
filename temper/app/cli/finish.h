// How a training command ends: the report is written, and the last lines say where things are.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "temper/app/cli/command.h"
#include "temper/learn/train/run.h"

namespace temper::cli {

/// Prints where the run is, or how to resume it.
Exit finish(const train::Result& result, const std::string& output_dir, const Context& context);

/// The member of that name in a catalogue that has it.
template <class Catalogue>
auto find_algorithm(const Catalogue& catalogue, std::string_view name) {
  return std::find_if(catalogue.begin(), catalogue.end(),
                      [&](const auto& named) { return named.name == name; })
      ->member;
}

}  // namespace temper::cli
