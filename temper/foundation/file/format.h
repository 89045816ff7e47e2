// How the numbers of a stored tensor are laid out: the types of safetensors and of GGUF (ggml's
// table of types, its block sizes and bytes a block), under one name each.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace temper::file {

enum class Format : uint8_t {
  F64,
  F32,
  F16,
  BF16,  // floating point
  I64,
  I32,
  I16,
  I8,
  U8,
  Bool,  // whole numbers; no weights are read from these
  Q8_0,
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,  // ggml blocks of 32 weights
  Q8_1,
  Q2_K,
  Q3_K,
  Q4_K,
  Q5_K,
  Q6_K,  // ggml types that are walked past, not read
  Q8_K,
  IQ2_XXS,
  IQ2_XS,
  IQ3_XXS,
  IQ1_S,
  IQ4_NL,
  IQ3_S,
  IQ2_S,
  IQ4_XS,
  IQ1_M,
  TQ1_0,
  TQ2_0,
  MXFP4
};

/// The name users know: "F32", "BF16", "Q4_1", …
std::string_view name_of(Format format);

/// Numbers stored together; 1 but for ggml's quantised types.
int64_t block_size(Format format);

/// Bytes a block takes.
int64_t block_bytes(Format format);

/// Bytes of a tensor of `shape` (outermost first; none is one number). An Error with `where` when a
/// length is negative, the innermost is no multiple of the block, or the product passes 2^62.
int64_t bytes_of(Format format, std::span<const int64_t> shape, const std::string& where);

/// "[2, 3]", as errors print shapes.
std::string shape_text(std::span<const int64_t> shape);

}  // namespace temper::file
