// temper online_dpo: learn from pairs of one's own answers, judged as they are written.
#include "temper/app/cli/preference_command.h"

namespace temper::cli::online_dpo {

extern const Command entry =
    preference_command("online_dpo", "learn from pairs of one's own answers (online DPO)");

}  // namespace temper::cli::online_dpo
