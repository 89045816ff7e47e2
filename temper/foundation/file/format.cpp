#include "temper/foundation/file/format.h"

#include "temper/foundation/error/error.h"

namespace temper::file {

namespace {

struct Row {
  std::string_view name;
  int64_t size, bytes;
};

// In the order of Format.
constexpr Row kRows[] = {
    {"F64", 1, 8},        {"F32", 1, 4},        {"F16", 1, 2},        {"BF16", 1, 2},
    {"I64", 1, 8},        {"I32", 1, 4},        {"I16", 1, 2},        {"I8", 1, 1},
    {"U8", 1, 1},         {"BOOL", 1, 1},       {"Q8_0", 32, 34},     {"Q4_0", 32, 18},
    {"Q4_1", 32, 20},     {"Q5_0", 32, 22},     {"Q5_1", 32, 24},     {"Q8_1", 32, 36},
    {"Q2_K", 256, 84},    {"Q3_K", 256, 110},   {"Q4_K", 256, 144},   {"Q5_K", 256, 176},
    {"Q6_K", 256, 210},   {"Q8_K", 256, 292},   {"IQ2_XXS", 256, 66}, {"IQ2_XS", 256, 74},
    {"IQ3_XXS", 256, 98}, {"IQ1_S", 256, 50},   {"IQ4_NL", 32, 18},   {"IQ3_S", 256, 110},
    {"IQ2_S", 256, 82},   {"IQ4_XS", 256, 136}, {"IQ1_M", 256, 56},   {"TQ1_0", 256, 54},
    {"TQ2_0", 256, 66},   {"MXFP4", 32, 17}};
static_assert(std::size(kRows) == static_cast<size_t>(Format::MXFP4) + 1);

const Row& row(Format format) {
  return kRows[static_cast<size_t>(format)];
}

}  // namespace

std::string_view name_of(Format format) {
  return row(format).name;
}
int64_t block_size(Format format) {
  return row(format).size;
}
int64_t block_bytes(Format format) {
  return row(format).bytes;
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (int64_t length : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(length);
  }
  return text + "]";
}

int64_t bytes_of(Format format, std::span<const int64_t> shape, const std::string& where) {
  constexpr int64_t kMost = int64_t{1} << 62;
  int64_t count = 1;
  for (int64_t length : shape) {
    if (length < 0 || (count != 0 && length > kMost / count)) {
      throw Error({"the shape " + shape_text(shape) + " is not possible", where,
                   "the file is damaged; fetch it again"});
    }
    count *= length;
  }
  int64_t innermost = shape.empty() ? 1 : shape.back();
  if (innermost % block_size(format) != 0) {
    throw Error({"the innermost length of " + shape_text(shape) + " is no multiple of " +
                     std::string(name_of(format)) + "'s block of " +
                     std::to_string(block_size(format)),
                 where, "the file is damaged; fetch it again"});
  }
  int64_t blocks = count / block_size(format);
  if (blocks > kMost / block_bytes(format)) {
    throw Error({"the shape " + shape_text(shape) + " is not possible", where,
                 "the file is damaged; fetch it again"});
  }
  return blocks * block_bytes(format);
}

}  // namespace temper::file
