#include "temper/app/cli/finish.h"

#include "temper/app/report/report.h"

namespace temper::cli {

Exit finish(const train::Result& result, const std::string& output_dir, const Context& context) {
  if (result.only_planned) return Exit::Done;
  if (result.interrupted) {
    runlog::print("stopped    after step " + std::to_string(result.state.step) +
                  "; go on with the same command and --resume_from_checkpoint true\n");
    return Exit::Interrupted;
  }
  report::write_report(output_dir);
  if (!context.terminal.quiet) {
    const bool speaks = result.head == weights::HeadKind::Language;
    runlog::print("report     " + output_dir + "/report.html      " +
                  (speaks ? "chat with it: temper chat " : "ask it: temper score --model ") +
                  output_dir + "\n");
  }
  return Exit::Done;
}

}  // namespace temper::cli
