#include "temper/app/report/report.h"

#include "temper/app/report/page.h"
#include "temper/app/report/run_folder.h"
#include "temper/foundation/file/file.h"

namespace temper::report {

std::string report_html(const std::string& run_folder) {
  return page(read_run(run_folder));
}

void write_report(const std::string& run_folder) {
  file::write_atomically(run_folder + "/report.html", report_html(run_folder));
}

}  // namespace temper::report
