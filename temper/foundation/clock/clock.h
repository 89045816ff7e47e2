// The only place that reads clocks.
#pragma once

#include <string>

namespace temper::clock {

/// Seconds on a clock that never jumps; only differences mean something.
double seconds();

/// Seconds since 1970-01-01 UTC, as the wall clock has it.
double epoch_seconds();

/// "2026-01-31T12:34:56Z".
std::string iso_time(double epoch_seconds);
/// "2026-01-31" (UTC).
std::string iso_date(double epoch_seconds);

/// C's strftime in local time with English names, for chat templates. `pattern` as in `strftime`.
std::string format_time(const std::string& pattern, double epoch_seconds);

}  // namespace temper::clock
