// temper cpo: learn from pairs of answers without a reference model, with TRL's flags.
#include "temper/app/cli/prefer.h"

namespace temper::cli::cpo {

Exit run(std::span<const std::string> args, const Context& context) {
  return prefer("cpo", args, context);
}

extern const Command entry = {
    .group = "train", .summary = "learn from pairs without a reference (CPO, SimPO)", .run = run};

}  // namespace temper::cli::cpo
