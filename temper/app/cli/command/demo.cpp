// temper demo: see demo.h.
#include "temper/app/cli/demo.h"

namespace temper::cli::demo {

Exit run(std::span<const std::string> args, const Context& context) {
  DemoOptions options;
  if (ask(config::bind(options), args, "demo", "[--config recipes/demo.yaml] [--quick]").help)
    return Exit::Done;
  return run_demo(options, context);
}

extern const Command entry = {
    .group = "train",
    .summary = "SmolLM2-135M learns to mask personal data: SFT, GRPO, report",
    .run = run};

}  // namespace temper::cli::demo
