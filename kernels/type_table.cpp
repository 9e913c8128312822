#include <limits>

#include "kernels/api/type.h"
#include "kernels/quant/bf16.h"
#include "kernels/quant/f16.h"
#include "kernels/quant/f32.h"
#include "kernels/quant/q4_0.h"
#include "kernels/quant/q4_1.h"
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
  return {type, name, Format::kBlock, int(sizeof(typename Format::Block)), decodeBlocks<Format>, encodeBlocks<Format>};
}

// Types that a file may hold but that are never weights.
constexpr TypeInfo plain(Type type, std::string_view name, int bytes) {
  return {type, name, 1, bytes, nullptr, nullptr};
}

constexpr TypeInfo kTypes[] = {
    weights<F32>(Type::F32, "F32"),    weights<F16>(Type::F16, "F16"),    weights<BF16>(Type::BF16, "BF16"),
    weights<Q8_0>(Type::Q8_0, "Q8_0"), weights<Q4_0>(Type::Q4_0, "Q4_0"), weights<Q4_1>(Type::Q4_1, "Q4_1"),
    plain(Type::I8, "I8", 1),          plain(Type::I16, "I16", 2),        plain(Type::I32, "I32", 4),
    plain(Type::I64, "I64", 8),        plain(Type::F64, "F64", 8),
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
