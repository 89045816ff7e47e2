// How a training command ends: the report is written, and the last lines say where things are.
#pragma once

#include <string>
#include <string_view>

#include "temper/app/cli/command.h"
#include "temper/learn/train/run.h"

namespace temper::cli {

/// Prints where the run is, or how to resume it.
Exit finish(const train::Result& result, const std::string& output_dir, const Context& context);

}  // namespace temper::cli
