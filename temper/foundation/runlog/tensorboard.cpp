#include "temper/foundation/runlog/tensorboard.h"

#include <bit>
#include <cstring>

#include "temper/foundation/file/checksum.h"

namespace temper::runlog {
namespace {

template <class Value>
void append_raw(std::string& out, Value value) {
  static_assert(std::endian::native == std::endian::little);
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

uint32_t masked_crc(std::string_view bytes) {
  return std::rotr(file::crc32c(bytes), 15) + 0xa282ead8u;
}

std::string frame(std::string_view bytes) {
  std::string out;
  append_raw(out, uint64_t{bytes.size()});
  append_raw(out, masked_crc(out));
  out += bytes;
  append_raw(out, masked_crc(bytes));
  return out;
}

// Protobuf's wire types.
enum Wire { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

void varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += char(value | 0x80);
  out += char(value);
}

void key(std::string& out, int number, Wire wire) {
  varint(out, uint64_t(number) << 3 | wire);
}

void field(std::string& out, int number, std::string_view bytes) {
  key(out, number, kBytes);
  varint(out, bytes.size());
  out += bytes;
}

std::string event(EventTime time) {
  std::string out;
  key(out, 1, kFixed64);
  append_raw(out, time.epoch_seconds);
  if (time.step != 0) {
    key(out, 2, kVarint);
    varint(out, uint64_t(time.step));
  }
  return out;
}

}  // namespace

std::string event_file_header(double epoch_seconds) {
  std::string out = event({epoch_seconds, 0});
  field(out, 3, "brain.Event:2");
  return frame(out);
}

std::string scalar_event(EventTime time, const std::vector<std::pair<std::string, double>>& tags) {
  std::string summary;
  for (const auto& [tag, value] : tags) {
    std::string entry;
    field(entry, 1, tag);
    key(entry, 2, kFixed32);
    append_raw(entry, static_cast<float>(value));
    field(summary, 1, entry);
  }
  std::string out = event(time);
  field(out, 5, summary);
  return frame(out);
}

std::string text_event(EventTime time, std::string_view tag, std::string_view text) {
  constexpr int kString = 7;  // DT_STRING
  std::string shape, dimension;
  key(dimension, 1, kVarint);
  varint(dimension, 1);
  field(shape, 2, dimension);
  std::string tensor;
  key(tensor, 1, kVarint);
  varint(tensor, kString);
  field(tensor, 2, shape);
  field(tensor, 8, text);
  std::string plugin, metadata;
  field(plugin, 1, "text");
  field(metadata, 1, plugin);
  std::string entry, summary;
  field(entry, 1, tag);
  field(entry, 8, tensor);
  field(entry, 9, metadata);
  field(summary, 1, entry);
  std::string out = event(time);
  field(out, 5, summary);
  return frame(out);
}

std::string tensorboard_tag(const std::string& metric) {
  for (const char* prefix : {"eval_", "test_"}) {
    std::string start = prefix;
    if (metric.starts_with(start)) return start.substr(0, 4) + "/" + metric.substr(start.size());
  }
  return "train/" + metric;
}

}  // namespace temper::runlog
