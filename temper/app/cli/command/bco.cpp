// temper bco: learn from answers labelled good or bad by a classifier's loss, with TRL's flags.
#include "temper/app/cli/preference_command.h"

namespace temper::cli::bco {

extern const Command entry = preference_command(
    "bco", "learn from single answers, each labelled wanted or not, against a running mean (BCO)");

}  // namespace temper::cli::bco
