// The report of a run as one HTML page that needs no network: what was asked, what came out, how it
// went. Made from the files a run folder holds (see foundation/runlog); a run that was stopped is
// reported as far as it got.
#pragma once

#include <string>

namespace temper::report {

/// The page. `run_folder` is a run, or a folder whose sub-folders are the stages of one. Throws
/// Error when it is neither; files that are missing or cut off are named on the page.
std::string report_html(const std::string& run_folder);

/// Writes the page to `run_folder`/report.html in one step.
void write_report(const std::string& run_folder);

}  // namespace temper::report
