// Element types of tensors, numbered as in GGUF (ggml's gguf.md) where it has them, and the table of what each needs.
// Constant data, any thread. One format = one header in kernels/quant; type_table.cpp collects them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace lemma {

enum class Type : uint32_t {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q5_0 = 6,
  Q5_1 = 7,
  Q8_0 = 8,
  Q8_1 = 9,
  Q2_K = 10,
  Q3_K = 11,
  Q4_K = 12,
  Q5_K = 13,
  Q6_K = 14,
  Q8_K = 15,
  IQ2_XXS = 16,
  IQ2_XS = 17,
  IQ3_XXS = 18,
  IQ1_S = 19,
  IQ4_NL = 20,
  IQ3_S = 21,
  IQ2_S = 22,
  IQ4_XS = 23,
  I8 = 24,
  I16 = 25,
  I32 = 26,
  I64 = 27,
  F64 = 28,
  IQ1_M = 29,
  BF16 = 30,
  TQ1_0 = 34,
  TQ2_0 = 35,
  MXFP4 = 39,
  NVFP4 = 40,

  // Types that GGUF does not define, under numbers that it cannot use: no GGUF file may hold them.
  F8_E4M3 = 0x1'0000,
  U8 = 0x1'0001,
  F4_E2M1 = 0x1'0002,
  E8M0 = 0x1'0003,
};

// Whether a GGUF file may name the type.
constexpr bool isGgufType(Type type) { return uint32_t(type) < 0x1'0000; }

struct TypeInfo {
  Type type;
  std::string_view name;
  int block;       // elements in a block; rows are whole blocks
  int blockBytes;  // bytes of a block
  // scalar decode of n elements (n a multiple of block), the oracle; null for types that hold no weights: files of
  // them can be inspected, not run
  void (*decode)(const std::byte* blocks, float* out, int64_t n);
  // encode of n elements; null where the format is only read
  void (*encode)(const float* in, std::byte* blocks, int64_t n);
  // the blocks of least error, sum of importance[i] * (in[i] - decoded[i])^2, by search (kernels/encode); importance
  // has a number a column, none negative, or is null; null where there is nothing to search for
  void (*encodeBest)(const float* in, const float* importance, std::byte* blocks, int64_t n);
};

// Every type that a model file may hold; a type that is not in it is refused by the parsers.
std::span<const TypeInfo> typeTable();
const TypeInfo* typeInfo(Type type);              // null = unknown
const TypeInfo* typeInfo(std::string_view name);  // null = unknown

// Bytes of one row of n elements; nullopt where n is not whole blocks or the type is unknown.
std::optional<uint64_t> rowBytes(Type type, int64_t n);

}  // namespace lemma
