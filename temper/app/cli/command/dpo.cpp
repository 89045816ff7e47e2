// temper dpo: learn from pairs of answers, with TRL's flags.
#include "temper/app/cli/preference_command.h"

namespace temper::cli::dpo {

extern const Command entry =
    preference_command("dpo", "learn from pairs of answers, one preferred (DPO)");

}  // namespace temper::cli::dpo
