// temper dpo: learn from pairs of answers, with TRL's flags.
#include "temper/app/cli/prefer.h"

namespace temper::cli::dpo {

Exit run(std::span<const std::string> args, const Context& context) {
  return prefer("dpo", args, context);
}

extern const Command entry = {
    .group = "train", .summary = "learn from pairs of answers, one preferred (DPO)", .run = run};

}  // namespace temper::cli::dpo
