#include <limits>

#include "kernels/api/type.h"
#include "kernels/quant/bf16.h"
#include "kernels/quant/f16.h"
#include "kernels/quant/f32.h"
#include "kernels/quant/f8_e4m3.h"
#include "kernels/quant/q2_k.h"
#include "kernels/quant/q3_k.h"
#include "kernels/quant/q4_0.h"
#include "kernels/quant/q4_1.h"
#include "kernels/quant/q4_k.h"
#include "kernels/quant/q5_0.h"
#include "kernels/quant/q5_1.h"
#include "kernels/quant/q5_k.h"
#include "kernels/quant/q6_k.h"
#include "kernels/quant/q8_0.h"

namespace lemma {
namespace {

template <class Format>
void decodeBlocks(const std::byte* blocks, float* out, int64_t n) {
  const auto* b = reinterpret_cast<const typename Format::Block*>(blocks);
  for (int64_t i = 0; i < n; i += Format::kBlock, ++b) {
    for (int j = 0; j < Format::kBlock; ++j) out[i + j] = Format::decode(*b, j);
  }
}

template <class Format>
void encodeBlocks(const float* in, std::byte* blocks, int64_t n) {
  auto* b = reinterpret_cast<typename Format::Block*>(blocks);
  for (int64_t i = 0; i < n; i += Format::kBlock, ++b) Format::encode(in + i, *b);
}

template <class Format>
constexpr TypeInfo weights(Type type, std::string_view name) {
  TypeInfo info{type, name, Format::kBlock, int(sizeof(typename Format::Block)), decodeBlocks<Format>, nullptr};
  if constexpr (requires { &Format::encode; }) info.encode = encodeBlocks<Format>;
  return info;
}

// Types that a file may hold but that are never weights.
constexpr TypeInfo plain(Type type, std::string_view name, int bytes) {
  return {type, name, 1, bytes, nullptr, nullptr};
}

// Formats of which this build knows only the block's size, so that a file that holds them can be inspected. One
// leaves this list when its header comes to kernels/quant.
constexpr TypeInfo sizeOnly(Type type, std::string_view name, int block, int blockBytes) {
  return {type, name, block, blockBytes, nullptr, nullptr};
}

constexpr TypeInfo kTypes[] = {
    weights<F32>(Type::F32, "F32"),
    weights<F16>(Type::F16, "F16"),
    weights<BF16>(Type::BF16, "BF16"),
    weights<F8_E4M3>(Type::F8_E4M3, "F8_E4M3"),
    weights<Q8_0>(Type::Q8_0, "Q8_0"),
    weights<Q4_0>(Type::Q4_0, "Q4_0"),
    weights<Q4_1>(Type::Q4_1, "Q4_1"),
    weights<Q5_0>(Type::Q5_0, "Q5_0"),
    weights<Q5_1>(Type::Q5_1, "Q5_1"),
    weights<Q2_K>(Type::Q2_K, "Q2_K"),
    weights<Q3_K>(Type::Q3_K, "Q3_K"),
    weights<Q4_K>(Type::Q4_K, "Q4_K"),
    weights<Q5_K>(Type::Q5_K, "Q5_K"),
    weights<Q6_K>(Type::Q6_K, "Q6_K"),
    plain(Type::I8, "I8", 1),
    plain(Type::U8, "U8", 1),
    plain(Type::I16, "I16", 2),
    plain(Type::I32, "I32", 4),
    plain(Type::I64, "I64", 8),
    plain(Type::F64, "F64", 8),
    sizeOnly(Type::Q8_1, "Q8_1", 32, 36),
    sizeOnly(Type::Q8_K, "Q8_K", 256, 292),
    sizeOnly(Type::IQ2_XXS, "IQ2_XXS", 256, 66),
    sizeOnly(Type::IQ2_XS, "IQ2_XS", 256, 74),
    sizeOnly(Type::IQ3_XXS, "IQ3_XXS", 256, 98),
    sizeOnly(Type::IQ1_S, "IQ1_S", 256, 50),
    sizeOnly(Type::IQ4_NL, "IQ4_NL", 32, 18),
    sizeOnly(Type::IQ3_S, "IQ3_S", 256, 110),
    sizeOnly(Type::IQ2_S, "IQ2_S", 256, 82),
    sizeOnly(Type::IQ4_XS, "IQ4_XS", 256, 136),
    sizeOnly(Type::IQ1_M, "IQ1_M", 256, 56),
    sizeOnly(Type::TQ1_0, "TQ1_0", 256, 54),
    sizeOnly(Type::TQ2_0, "TQ2_0", 256, 66),
    sizeOnly(Type::MXFP4, "MXFP4", 32, 17),
    sizeOnly(Type::NVFP4, "NVFP4", 64, 36),
};

}  // namespace

std::span<const TypeInfo> typeTable() { return kTypes; }

const TypeInfo* typeInfo(Type type) {
  for (const TypeInfo& t : kTypes) {
    if (t.type == type) return &t;
  }
  return nullptr;
}

const TypeInfo* typeInfo(std::string_view name) {
  for (const TypeInfo& t : kTypes) {
    if (t.name == name) return &t;
  }
  return nullptr;
}

std::optional<uint64_t> rowBytes(Type type, int64_t n) {
  const TypeInfo* t = typeInfo(type);
  if (!t || n < 0 || n % t->block) return std::nullopt;
  const uint64_t blocks = uint64_t(n / t->block);
  if (blocks > std::numeric_limits<uint64_t>::max() / uint64_t(t->blockBytes)) return std::nullopt;
  return blocks * uint64_t(t->blockBytes);
}

}  // namespace lemma
