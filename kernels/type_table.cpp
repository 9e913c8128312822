#include <limits>

#include "kernels/api/type.h"
#include "kernels/encode/encode.h"
#include "kernels/quant/bf16.h"
#include "kernels/quant/f16.h"
#include "kernels/quant/f32.h"
#include "kernels/quant/f4_e2m1.h"
#include "kernels/quant/f8_e4m3.h"
#include "kernels/quant/iq1_m.h"
#include "kernels/quant/iq1_s.h"
#include "kernels/quant/iq2_s.h"
#include "kernels/quant/iq2_xs.h"
#include "kernels/quant/iq2_xxs.h"
#include "kernels/quant/iq3_s.h"
#include "kernels/quant/iq3_xxs.h"
#include "kernels/quant/iq4_nl.h"
#include "kernels/quant/iq4_xs.h"
#include "kernels/quant/mxfp4.h"
#include "kernels/quant/nvfp4.h"
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
#include "kernels/quant/tq1_0.h"
#include "kernels/quant/tq2_0.h"

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
  TypeInfo info{type,    name,   Format::kBlock, int(sizeof(typename Format::Block)), decodeBlocks<Format>,
                nullptr, nullptr};
  if constexpr (requires { &Format::encode; }) info.encode = encodeBlocks<Format>;
  return info;
}

// Formats whose best blocks are searched for. A format without a rule of its own for encode is written so too.
template <class Format, encode::Encoder* best>
constexpr TypeInfo searched(Type type, std::string_view name) {
  TypeInfo info = weights<Format>(type, name);
  info.encodeBest = best;
  if constexpr (!requires { &Format::encode; }) {
    info.encode = [](const float* in, std::byte* blocks, int64_t n) { best(in, nullptr, blocks, n); };
  }
  return info;
}

// Types that a file may hold but that are never weights.
constexpr TypeInfo plain(Type type, std::string_view name, int bytes) {
  return {type, name, 1, bytes, nullptr, nullptr, nullptr};
}

// Formats of activations, of which only the size is known: no file holds weights in them.
constexpr TypeInfo sizeOnly(Type type, std::string_view name, int block, int blockBytes) {
  return {type, name, block, blockBytes, nullptr, nullptr, nullptr};
}

constexpr TypeInfo kTypes[] = {
    weights<F32>(Type::F32, "F32"),
    weights<F16>(Type::F16, "F16"),
    weights<BF16>(Type::BF16, "BF16"),
    weights<F8_E4M3>(Type::F8_E4M3, "F8_E4M3"),
    weights<F4_E2M1>(Type::F4_E2M1, "F4_E2M1"),
    weights<Q8_0>(Type::Q8_0, "Q8_0"),
    searched<Q4_0, encode::q4_0>(Type::Q4_0, "Q4_0"),
    searched<Q4_1, encode::q4_1>(Type::Q4_1, "Q4_1"),
    searched<Q5_0, encode::q5_0>(Type::Q5_0, "Q5_0"),
    searched<Q5_1, encode::q5_1>(Type::Q5_1, "Q5_1"),
    searched<Q2_K, encode::q2_k>(Type::Q2_K, "Q2_K"),
    searched<Q3_K, encode::q3_k>(Type::Q3_K, "Q3_K"),
    searched<Q4_K, encode::q4_k>(Type::Q4_K, "Q4_K"),
    searched<Q5_K, encode::q5_k>(Type::Q5_K, "Q5_K"),
    searched<Q6_K, encode::q6_k>(Type::Q6_K, "Q6_K"),
    weights<IQ1_S>(Type::IQ1_S, "IQ1_S"),
    weights<IQ1_M>(Type::IQ1_M, "IQ1_M"),
    searched<IQ2_XXS, encode::iq2_xxs>(Type::IQ2_XXS, "IQ2_XXS"),
    searched<IQ2_XS, encode::iq2_xs>(Type::IQ2_XS, "IQ2_XS"),
    searched<IQ2_S, encode::iq2_s>(Type::IQ2_S, "IQ2_S"),
    searched<IQ3_XXS, encode::iq3_xxs>(Type::IQ3_XXS, "IQ3_XXS"),
    searched<IQ3_S, encode::iq3_s>(Type::IQ3_S, "IQ3_S"),
    searched<IQ4_NL, encode::iq4_nl>(Type::IQ4_NL, "IQ4_NL"),
    searched<IQ4_XS, encode::iq4_xs>(Type::IQ4_XS, "IQ4_XS"),
    weights<TQ1_0>(Type::TQ1_0, "TQ1_0"),
    weights<TQ2_0>(Type::TQ2_0, "TQ2_0"),
    weights<MXFP4>(Type::MXFP4, "MXFP4"),
    searched<NVFP4, encode::nvfp4>(Type::NVFP4, "NVFP4"),
    plain(Type::I8, "I8", 1),
    plain(Type::U8, "U8", 1),
    plain(Type::E8M0, "E8M0", 1),
    plain(Type::I16, "I16", 2),
    plain(Type::I32, "I32", 4),
    plain(Type::I64, "I64", 8),
    plain(Type::F64, "F64", 8),
    sizeOnly(Type::Q8_1, "Q8_1", 32, 36),
    sizeOnly(Type::Q8_K, "Q8_K", 256, 292),
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
