// temper gspo: GRPO with one ratio an answer.
#include "temper/app/cli/policy_command.h"

namespace temper::cli::gspo {

extern const Command entry = policy_command("gspo", "GRPO with one ratio an answer (GSPO)");

}  // namespace temper::cli::gspo
