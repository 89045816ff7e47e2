// temper spin: learn to tell the rows' answers from one's own of before.
#include "temper/app/cli/preference_command.h"

namespace temper::cli::spin {

extern const Command entry =
    preference_command("spin", "prefer the rows' answers to one's own of before (SPIN self-play)");

}  // namespace temper::cli::spin
