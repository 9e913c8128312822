// The writers that search for the best blocks. Class: reference (bounds on errors), but for the bytes of zeros and of
// values that a format holds exactly.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/api/type.h"

namespace lemma {
namespace {

std::vector<float> normal(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> out(n);
  for (float& x : out) {  // the sum of twelve: the same on every machine
    x = -6;
    for (int k = 0; k < 12; ++k) x += float(random() >> 8) * 0x1p-24f;
    x *= 0.02f;
  }
  return out;
}

// Few columns matter much, as in real models.
std::vector<float> weights(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> out(n);
  for (float& x : out) x = std::exp(8 * float(random() >> 8) * 0x1p-24f - 4);
  return out;
}

std::vector<float> decoded(const TypeInfo& type, const std::vector<std::byte>& blocks, size_t n) {
  std::vector<float> out(n);
  type.decode(blocks.data(), out.data(), int64_t(n));
  return out;
}

std::vector<float> written(const TypeInfo& type, const std::vector<float>& in, const std::vector<float>& importance) {
  std::vector<std::byte> blocks(*rowBytes(type.type, int64_t(in.size())));
  type.encodeBest(in.data(), importance.empty() ? nullptr : importance.data(), blocks.data(), int64_t(in.size()));
  return decoded(type, blocks, in.size());
}

// Root of the weighted error over the weighted size.
double error(const std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& w) {
  double e = 0, all = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double weight = w.empty() ? 1.0 : double(w[i]);
    e += weight * (double(a[i]) - double(b[i])) * (double(a[i]) - double(b[i]));
    all += weight * double(a[i]) * double(a[i]);
  }
  return std::sqrt(e / all);
}

struct Bound {
  Type type;
  double plain, weighted;
};

// A hundredth above what was measured; tests/bench/encoders.py holds the same writers against llama.cpp's.
constexpr Bound kBounds[] = {
    {Type::Q4_0, 0.0803, 0.0671},    {Type::Q4_1, 0.0694, 0.0530},   {Type::Q5_0, 0.0396, 0.0327},
    {Type::Q5_1, 0.0331, 0.0253},    {Type::Q2_K, 0.2604, 0.1827},   {Type::Q3_K, 0.1435, 0.1143},
    {Type::Q4_K, 0.0698, 0.0538},    {Type::Q5_K, 0.0341, 0.0270},   {Type::Q6_K, 0.0165, 0.0132},
    {Type::IQ2_XXS, 0.3281, 0.2114}, {Type::IQ2_XS, 0.2871, 0.1788}, {Type::IQ2_S, 0.2399, 0.1694},
    {Type::IQ3_XXS, 0.1774, 0.0990}, {Type::IQ3_S, 0.1291, 0.0838},  {Type::IQ4_NL, 0.0732, 0.0594},
    {Type::IQ4_XS, 0.0739, 0.0602},  {Type::NVFP4, 0.0896, 0.0749},
};

TEST(EncodeBest, errorsAreSmall) {
  const std::vector<float> in = normal(16384, 1), w = weights(in.size(), 2);
  size_t seen = 0;
  for (const TypeInfo& type : typeTable()) seen += type.encodeBest != nullptr;
  EXPECT_EQ(seen, std::size(kBounds));
  for (const Bound& bound : kBounds) {
    const TypeInfo& type = *typeInfo(bound.type);
    SCOPED_TRACE(std::string(type.name));
    const double plain = error(in, written(type, in, {}), {}), weighted = error(in, written(type, in, w), w);
    EXPECT_LT(plain, bound.plain);
    EXPECT_LT(weighted, bound.weighted);
  }
}

TEST(EncodeBest, importancesLowerTheWeightedError) {
  const std::vector<float> in = normal(8192, 3), w = weights(in.size(), 4);
  for (const TypeInfo& type : typeTable()) {
    if (!type.encodeBest) continue;
    SCOPED_TRACE(std::string(type.name));
    EXPECT_LT(error(in, written(type, in, w), w), error(in, written(type, in, {}), w));
  }
}

// What a format can hold comes back nearly whole: every bit of a block has its place.
TEST(EncodeBest, findsItsOwnBlocks) {
  for (const TypeInfo& type : typeTable()) {
    if (!type.encodeBest) continue;
    SCOPED_TRACE(std::string(type.name));
    const std::vector<float> once = written(type, normal(4096, 5), {});
    EXPECT_LT(error(once, written(type, once, {}), {}), 0.06);
  }
}

TEST(EncodeBest, sizeDoesNotMatter) {
  const std::vector<float> in = normal(2048, 6);
  for (const TypeInfo& type : typeTable()) {
    if (!type.encodeBest) continue;
    SCOPED_TRACE(std::string(type.name));
    std::vector<float> large = in, ones(in.size(), 1.0f), heavy(in.size(), 1e30f);
    for (float& x : large) x *= 64;
    const double e = error(in, written(type, in, {}), {});
    EXPECT_NEAR(error(large, written(type, large, {}), {}), e, 0.06 * e);
    EXPECT_EQ(written(type, in, ones), written(type, in, {}));
    EXPECT_EQ(written(type, in, heavy), written(type, in, {}));
  }
}

TEST(EncodeBest, zerosStayZero) {
  for (const TypeInfo& type : typeTable()) {
    if (!type.encodeBest) continue;
    SCOPED_TRACE(std::string(type.name));
    const std::vector<float> zeros(size_t(type.block), 0.0f);
    EXPECT_EQ(written(type, zeros, {}), zeros);
    EXPECT_EQ(written(type, zeros, std::vector<float>(zeros.size(), 0.0f)), zeros);
  }
}

TEST(EncodeBest, foreignNumbersStayInTheirBlock) {
  const float kForeign[] = {std::nanf(""), INFINITY, -INFINITY, 3e38f, -3e38f, 1e-45f, -0.0f};
  for (const TypeInfo& type : typeTable()) {
    if (!type.encodeBest) continue;
    SCOPED_TRACE(std::string(type.name));
    for (const float x : kForeign) {
      std::vector<float> in(size_t(type.block), 0.5f), w(in.size(), 1.0f);
      in[1] = x;
      w[2] = x;
      std::vector<std::byte> block(size_t(type.blockBytes) + 16, std::byte{0xa5});
      type.encodeBest(in.data(), w.data(), block.data(), type.block);
      for (int i = 0; i < 16; ++i) EXPECT_EQ(block[size_t(type.blockBytes + i)], std::byte{0xa5});
    }
  }
}

}  // namespace
}  // namespace lemma
