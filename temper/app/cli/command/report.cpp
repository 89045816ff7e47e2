// temper report: the report of a run, finished or not, made anew from its folder.
#include "temper/app/report/report.h"

#include "temper/app/cli/command.h"

namespace temper::cli::report {

Exit run(std::span<const std::string> args, const Context&) {
  const Asked asked = ask(config::Binding(), args, "report", "RUN_FOLDER", 1);
  if (asked.help) return Exit::Done;
  if (asked.positional.empty())
    throw Error({"no run folder was named", "temper report", "temper report RUN_FOLDER"});
  const std::string& folder = asked.positional[0];
  temper::report::write_report(folder);
  runlog::print(folder + "/report.html\n");
  return Exit::Done;
}

extern const Command entry = {
    .group = "look", .summary = "write a run's report.html and print its path", .run = run};

}  // namespace temper::cli::report
