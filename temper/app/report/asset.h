// Files that stand in every report, put into the program at build time by embed.cmake.
#pragma once

#include <string_view>

namespace temper::report {

std::string_view chart_js();  ///< Chart.js (MIT licence, its notice on top), minified
std::string_view page_js();   ///< page.js: draws the curves
std::string_view page_css();  ///< page.css

}  // namespace temper::report
