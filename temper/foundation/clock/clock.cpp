#include "temper/foundation/clock/clock.h"

#include <chrono>
#include <cmath>
#include <ctime>

namespace temper::clock {
namespace {

std::tm utc(double epoch_seconds) {
  auto whole = static_cast<std::time_t>(std::floor(epoch_seconds));
  std::tm parts{};
  gmtime_r(&whole, &parts);
  return parts;
}

std::string formatted(const std::string& pattern, const std::tm& parts) {
  // A trailing blank tells "too small" from "empty result".
  std::string guarded = pattern + " ";
  for (size_t size = 64;; size *= 2) {
    std::string text(size, '\0');
    size_t length = std::strftime(text.data(), text.size(), guarded.c_str(), &parts);
    if (length == 0) continue;
    text.resize(length - 1);
    return text;
  }
}

}  // namespace

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double epoch_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string iso_time(double epoch_seconds) {
  return formatted("%Y-%m-%dT%H:%M:%SZ", utc(epoch_seconds));
}

std::string iso_date(double epoch_seconds) {
  return formatted("%Y-%m-%d", utc(epoch_seconds));
}

std::string format_time(const std::string& pattern, double epoch_seconds) {
  auto whole = static_cast<std::time_t>(std::floor(epoch_seconds));
  std::tm parts{};
  localtime_r(&whole, &parts);
  return formatted(pattern, parts);
}

}  // namespace temper::clock
