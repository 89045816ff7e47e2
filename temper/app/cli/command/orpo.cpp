// temper orpo: learn from pairs of answers without a reference model, with TRL's flags.
#include "temper/app/cli/prefer.h"

namespace temper::cli::orpo {

Exit run(std::span<const std::string> args, const Context& context) {
  return prefer("orpo", args, context);
}

extern const Command entry = {
    .group = "train",
    .summary = "learn chosen answers and shun rejected ones, without a reference (ORPO)",
    .run = run};

}  // namespace temper::cli::orpo
