// temper kto: learn from answers labelled good or bad, with TRL's flags.
#include "temper/app/cli/preference_command.h"

namespace temper::cli::kto {

extern const Command entry =
    preference_command("kto", "learn from single answers, each labelled wanted or not (KTO)");

}  // namespace temper::cli::kto
