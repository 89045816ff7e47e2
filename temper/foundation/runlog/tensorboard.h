// TensorBoard's event file, encoded by hand: TFRecord frames (tensorflow/core/lib/io/record_writer)
// around Event protobufs (tensorflow/core/util/event.proto, framework/summary.proto).
//
//   frame = length u64 | mask(crc32c(length)) u32 | bytes | mask(crc32c(bytes)) u32      little
//   endian mask(c) = (c rotated right by 15) + 0xa282ead8 Event = 1: wall_time double, 2: step
//   int64, 3: file_version string, 5: Summary Summary = 1: Value*;  Value = 1: tag, 2: simple_value
//   float, 8: TensorProto, 9: SummaryMetadata
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace temper::runlog {

/// Where an event stands in time.
struct EventTime {
  double epoch_seconds = 0;
  int64_t step = 0;
};

/// The record every event file begins with.
std::string event_file_header(double epoch_seconds);
/// One record with a scalar for each tag.
std::string scalar_event(EventTime time, const std::vector<std::pair<std::string, double>>& tags);
/// One record with a text.
std::string text_event(EventTime time, std::string_view tag, std::string_view text);

/// The tag under which transformers' TensorBoard callback files a metric.
std::string tensorboard_tag(const std::string& metric);

}  // namespace temper::runlog
