// The formats' scalar decode and encode against vectors made by other implementations. Class: bitwise.
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "kernels/api/tensor_view.h"
#include "kernels/quant/half.h"
#include "tests/support/goldens.h"
#include "tests/support/npy.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lemma {
namespace {

std::filesystem::path vectors() { return test::goldens() / "quant_vectors"; }

// Bit patterns, so that a sign of zero or a NaN counts; returns the first index that differs, or -1.
int64_t firstDifference(std::span<const float> a, std::span<const float> b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<uint32_t>(a[i]) != std::bit_cast<uint32_t>(b[i])) return int64_t(i);
  }
  return -1;
}

TEST(QuantVectors, decodeAndEncodeBitwise) {
  LEMMA_NEED_GOLDENS(vectors());
  const auto index = nlohmann::json::parse(test::readText(vectors() / "index.json"));
  const test::Npy source = test::readNpy(vectors() / "source.npy");
  int decoded = 0, encoded = 0;
  for (const auto& entry : index) {
    const TypeInfo* type = entry.contains("id") ? typeInfo(Type(entry["id"].get<uint32_t>())) : nullptr;
    if (!type) continue;  // a format this build does not know is refused by the loader
    const std::string name(type->name);
    SCOPED_TRACE(name);
    EXPECT_EQ(type->block, entry.at("block").get<int>());
    EXPECT_EQ(type->blockBytes, entry.at("bytes_per_block").get<int>());
    ASSERT_TRUE(type->decode);
    const std::vector<std::byte> blocks = test::readBytes(vectors() / (name + ".bin"));
    const test::Npy expected = test::readNpy(vectors() / (name + ".npy"));
    const auto n = int64_t(expected.data.size());
    ASSERT_EQ(blocks.size(), *rowBytes(type->type, n));

    std::vector<float> values(expected.data.size());
    type->decode(blocks.data(), values.data(), n);
    const int64_t at = firstDifference(values, expected.data);
    EXPECT_EQ(at, -1) << "value " << values[size_t(at)] << " should be " << expected.data[size_t(at)];
    ++decoded;

    if (entry["how"].get<std::string>().find("quantize") == std::string::npos) continue;
    ASSERT_TRUE(type->encode);
    std::vector<std::byte> bytes(blocks.size());
    type->encode(source.data.data(), bytes.data(), n);
    EXPECT_EQ(bytes, blocks);
    ++encoded;
  }
  EXPECT_EQ(decoded, 24);
  EXPECT_EQ(encoded, 9);
}

// The tables are torch's (tests/goldens/make_eight_bits.py).
void expectEveryByte(const char* table, float (*decode)(std::byte)) {
  std::ifstream file(std::string(LEMMA_TESTS_DIR) + "/goldens/" + table);
  ASSERT_TRUE(file);
  int bytes = 0;
  for (std::string line; std::getline(file, line); ++bytes) {
    const float value = decode(std::byte(bytes));
    if (line == "nan") {
      EXPECT_TRUE(std::isnan(value)) << bytes;
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>(value), uint32_t(std::stoul(line, nullptr, 16))) << bytes;
    }
  }
  EXPECT_EQ(bytes, 256);
}

TEST(F8E4M3, decodesEveryByte) {
  expectEveryByte("f8_e4m3.txt", [](std::byte byte) {
    float value = 0;
    typeInfo(Type::F8_E4M3)->decode(&byte, &value, 1);
    return value;
  });
}

TEST(E8M0, scalesByEveryByte) {
  expectEveryByte("e8m0.txt", [](std::byte byte) {
    float value = 1;
    const BlockScales scales{.type = Type::E8M0, .buf = {.host = &byte}, .rowBytes = 1, .in = 32, .out = 1};
    applyScales(scales, 0, 31, 1, &value);
    return value;
  });
}

// The values of the OCP microscaling specification, 1.0, table 4; which half of a byte comes first, the golden of
// gpt-oss-mxfp4 shows.
TEST(F4E2M1, decodesEveryByte) {
  constexpr float kValues[8] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  for (int i = 0; i < 256; ++i) {
    const auto byte = std::byte(i);
    float values[2];
    typeInfo(Type::F4_E2M1)->decode(&byte, values, 2);
    for (const int half : {0, 1}) {
      const int level = (i >> (4 * half)) & 15;
      const float expected = level & 8 ? -kValues[level & 7] : kValues[level];
      EXPECT_EQ(std::bit_cast<uint32_t>(values[half]), std::bit_cast<uint32_t>(expected)) << i;
    }
  }
}

// Encoding by the rule itself: the nearest of all that can be decoded, of two the one whose last bit is 0.
TEST(F8E4M3, encodesToTheNearest) {
  const TypeInfo& type = *typeInfo(Type::F8_E4M3);
  const auto decoded = [&](int code) {
    const std::byte byte{uint8_t(code)};
    float value = 0;
    type.decode(&byte, &value, 1);
    return value;
  };
  const auto encoded = [&](float x) {
    std::byte byte{};
    type.encode(&x, &byte, 1);
    return int(byte);
  };
  for (int code = 0; code < 0x7f; ++code) {
    const float here = decoded(code), next = code == 0x7e ? 480.0f : decoded(code + 1), middle = (here + next) / 2;
    const int even = code % 2 == 0 || code == 0x7e ? code : code + 1;  // nothing is above the largest
    for (const int sign : {0, 0x80}) {
      const float s = sign ? -1.0f : 1.0f;
      EXPECT_EQ(encoded(s * here), sign | code);
      EXPECT_EQ(encoded(s * middle), sign | even) << here;
      EXPECT_EQ(encoded(s * std::nextafter(middle, 0.0f)), sign | code) << here;
      EXPECT_EQ(encoded(s * std::nextafter(middle, 1e9f)), sign | std::min(code + 1, 0x7e)) << here;
    }
  }
  EXPECT_EQ(encoded(INFINITY), 0x7e);
  EXPECT_EQ(encoded(-3e38f), 0xfe);
  EXPECT_EQ(encoded(NAN) & 0x7f, 0x7f);
}

TEST(TypeTable, decodesAtAnyByteOfAFile) {
  std::mt19937 random(7);
  for (const TypeInfo& type : typeTable()) {
    if (!type.decode || !type.encode) continue;
    SCOPED_TRACE(std::string(type.name));
    const int64_t n = 2 * type.block;
    std::vector<float> in(size_t(n), 0), aligned(in), shifted(in);
    for (float& x : in) x = float(int(random() % 2001) - 1000) / 100.0f;
    std::vector<std::byte> blocks(size_t(*rowBytes(type.type, n)) + 1), moved(blocks.size());
    type.encode(in.data(), blocks.data(), n);
    std::memcpy(moved.data() + 1, blocks.data(), blocks.size() - 1);
    type.decode(blocks.data(), aligned.data(), n);
    type.decode(moved.data() + 1, shifted.data(), n);
    EXPECT_EQ(firstDifference(aligned, shifted), -1);
  }
}

TEST(TypeTable, encodeOfForeignNumbersStaysInItsBlock) {
  const float kForeign[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-45f, 0.0f, -0.0f};
  for (const TypeInfo& type : typeTable()) {
    if (!type.encode) continue;
    SCOPED_TRACE(std::string(type.name));
    for (float x : kForeign) {
      std::vector<float> in(size_t(type.block), 1.0f), out(in.size());
      in[0] = x;
      std::vector<std::byte> block(size_t(type.blockBytes) + 16, std::byte{0xa5});
      type.encode(in.data(), block.data(), type.block);
      type.decode(block.data(), out.data(), type.block);
      for (int i = 0; i < 16; ++i) EXPECT_EQ(block[size_t(type.blockBytes + i)], std::byte{0xa5});
    }
  }
}

TEST(TypeTable, rowBytesNeedsWholeBlocks) {
  EXPECT_EQ(rowBytes(Type::Q4_1, 576), 576u / 32 * 20);
  EXPECT_EQ(rowBytes(Type::F32, 3), 12u);
  EXPECT_EQ(rowBytes(Type::Q8_0, 33), std::nullopt);
  EXPECT_EQ(rowBytes(Type::Q8_0, -32), std::nullopt);
  EXPECT_EQ(rowBytes(Type(9999), 32), std::nullopt);
  EXPECT_EQ(typeInfo("Q4_1")->type, Type::Q4_1);
  EXPECT_EQ(typeInfo("Q9_9"), nullptr);
}

TEST(Half, everyHalfComesBackTheSame) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Half h{uint16_t(bits)};
    const float f = halfToFloatPortable(h);
    ASSERT_EQ(std::bit_cast<uint32_t>(f), std::bit_cast<uint32_t>(halfToFloat(h))) << bits;
    const uint16_t back = halfFromFloatPortable(f).bits;
    if (std::isnan(f)) {
      ASSERT_EQ(back, bits | 0x200u) << bits;  // quiet, payload kept
    } else {
      ASSERT_EQ(back, bits);
    }
  }
}

TEST(Half, roundsToNearestEven) {
  const auto half = [](float f) { return halfFromFloatPortable(f).bits; };
  EXPECT_EQ(half(1.0f + 0x1p-11f), 0x3c00);      // halfway: down to even
  EXPECT_EQ(half(1.0f + 3 * 0x1p-11f), 0x3c02);  // halfway: up to even
  EXPECT_EQ(half(1.0f + 0x1p-11f + 0x1p-20f), 0x3c01);
  EXPECT_EQ(half(65519.996f), 0x7bff);
  EXPECT_EQ(half(65520.0f), 0x7c00);
  EXPECT_EQ(half(-65520.0f), 0xfc00);
  EXPECT_EQ(half(0x1p-25f), 0x0000);  // halfway to the least subnormal
  EXPECT_EQ(half(0x1.8p-25f), 0x0001);
  EXPECT_EQ(half(0x1.ffcp-15f), 0x0400);  // subnormal that rounds up to the least normal
}

#if defined(__x86_64__)
__attribute__((target("f16c"))) uint16_t processorHalf(float f) {
  return uint16_t(_mm_extract_epi16(_mm_cvtps_ph(_mm_set_ss(f), _MM_FROUND_TO_NEAREST_INT), 0));
}

TEST(Half, agreesWithTheProcessor) {
  if (!__builtin_cpu_supports("f16c")) GTEST_SKIP() << "this processor has no F16C";
  for (uint64_t u = 0; u <= 0xffffffffu; u += 0x0ffd) {
    const float f = std::bit_cast<float>(uint32_t(u));
    ASSERT_EQ(halfFromFloatPortable(f).bits, processorHalf(f)) << u;
  }
}
#endif

}  // namespace
}  // namespace lemma
