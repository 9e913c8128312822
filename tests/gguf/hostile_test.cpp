// Broken files: each row of the table names what it breaks, the error it must give and what the sentence must name.
#include <gtest/gtest.h>

#include <chrono>
#include <limits>

#include "engine/gguf/gguf.h"
#include "tests/gguf/sample.h"
#include "tests/support/allocation_meter.h"
#include "tests/support/gguf_writer.h"

namespace lemma {
namespace {

constexpr uint64_t kMax64 = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kMax63 = kMax64 / 2;

struct Case {
  const char* name;
  std::vector<std::byte> bytes;
  Err code;
  const char* names;  // part of the sentence
};

RawBytes file(uint64_t tensors, uint64_t keyValues) { return RawBytes().header(tensors, keyValues); }

// One tensor "w" with the given table entry; `data` bytes follow the padded table.
std::vector<std::byte> oneTensor(const std::vector<uint64_t>& ne, uint32_t type, uint64_t offset, size_t data) {
  return file(1, 0).tensor("w", ne, type, offset).pad().zeros(data).bytes;
}
// Two F32 tensors "a" and "b" of 8 elements at the given offsets.
std::vector<std::byte> twoTensors(uint64_t a, uint64_t b, size_t data) {
  return file(2, 0).tensor("a", {8}, 0, a).tensor("b", {8}, 0, b).pad().zeros(data).bytes;
}
std::vector<std::byte> alignment(GgufType type, auto value) {
  return file(0, 1).key("general.alignment", type).le(value).bytes;
}
RawBytes bytes(std::string_view text) { return RawBytes().raw(text); }

std::vector<Case> cases() {
  const auto t = Err::truncated;
  std::vector<Case> all = {
      // the first 24 bytes
      {"no bytes", {}, t, "magic"},
      {"four bytes", bytes("GGUF").bytes, t, "version"},
      {"wrong magic", bytes("GGUX").u32(3).u64(0).u64(0).bytes, Err::badMagic, "GGUF"},
      {"older magic", bytes("ggml").u32(3).u64(0).u64(0).bytes, Err::badMagic, "GGUF"},
      {"a zip", bytes("PK\3\4").zeros(40).bytes, Err::badMagic, "GGUF"},
      {"safetensors", bytes(std::string_view("\x40\0\0\0\0\0\0\0{}", 10)).zeros(40).bytes, Err::badMagic, "GGUF"},
      {"version 0", RawBytes().header(0, 0, 0).bytes, Err::badValue, "version 0"},
      {"version 1", RawBytes().header(0, 0, 1).bytes, Err::unsupported, "version 1"},
      {"version 4", RawBytes().header(0, 0, 4).bytes, Err::unsupported, "version 4"},
      {"version of all ones", RawBytes().header(0, 0, ~0u).bytes, Err::unsupported, "version 4294967295"},
      {"big-endian 3", RawBytes().header(0, 0, 0x03000000).bytes, Err::unsupported, "big-endian"},
      {"big-endian 2", RawBytes().header(0, 0, 0x02000000).bytes, Err::unsupported, "big-endian"},
      {"ends in the tensor count", bytes("GGUF").u32(3).u32(0).bytes, t, "number of tensors"},
      {"ends in the key count", bytes("GGUF").u32(3).u64(0).u32(0).bytes, t, "number of keys"},
      {"tensor count of -1", file(kMax64, 0).bytes, Err::tooLarge, "tensors"},
      {"key count of -1", file(0, kMax64).bytes, Err::tooLarge, "keys"},
      {"65,537 tensors", file(65'537, 0).bytes, Err::tooLarge, "65537 tensors"},
      {"65,537 keys", file(0, 65'537).bytes, Err::tooLarge, "65537 keys"},
      {"65,536 tensors, none there", file(65'536, 0).bytes, t, "tensor 1 of 65536"},
      {"65,536 keys, none there", file(0, 65'536).bytes, t, "key 1 of 65536"},

      // keys
      {"key length cut", file(0, 1).u32(4).bytes, t, "key 1 of 1"},
      {"key cut", file(0, 1).u64(4).raw("abc").bytes, t, "key 1 of 1"},
      {"key length of -1", file(0, 1).u64(kMax64).zeros(64).bytes, Err::tooLarge, "key 1 of 1"},
      {"key of 65,536 bytes", file(0, 1).str(std::string(65'536, 'k')).u32(4).u32(1).bytes, Err::tooLarge,
       "key 1 of 1"},
      {"empty key", file(0, 1).key("", GgufType::u32).u32(1).bytes, Err::badValue, "empty name"},
      {"second key is cut", file(0, 2).key("a", GgufType::u32).u32(1).u64(9).bytes, t, "key 2 of 2"},
      {"key given twice", file(0, 2).key("dup", GgufType::u32).u32(1).key("dup", GgufType::u32).u32(1).bytes,
       Err::badValue, "\"dup\" occurs twice"},
      {"key given twice, apart",
       file(0, 3)
           .key("dup", GgufType::u8)
           .le(uint8_t(1))
           .key("x", GgufType::u32)
           .u32(1)
           .key("dup", GgufType::u32)
           .u32(1)
           .bytes,
       Err::badValue, "\"dup\" occurs twice"},
      {"key with line ends", file(0, 1).str("a\nb\x1b[31m").u32(99).bytes, Err::badValue, "\"a?b?[31m\""},
      {"long key in a sentence", file(0, 1).str(std::string(5000, 'k')).u32(99).bytes, Err::badValue, "kkk...\""},

      // values
      {"value type cut", file(0, 1).str("k").raw("\1\1").bytes, t, "\"k\""},
      {"value type 13", file(0, 1).str("k").u32(13).u64(0).bytes, Err::badValue, "type 13"},
      {"value type of all ones", file(0, 1).str("k").u32(~0u).u64(0).bytes, Err::badValue, "type 4294967295"},
      {"u8 cut", file(0, 1).key("k", GgufType::u8).bytes, t, "\"k\""},
      {"u16 cut", file(0, 1).key("k", GgufType::u16).raw("1").bytes, t, "\"k\""},
      {"u32 cut", file(0, 1).key("k", GgufType::u32).raw("123").bytes, t, "\"k\""},
      {"f32 cut", file(0, 1).key("k", GgufType::f32).raw("123").bytes, t, "\"k\""},
      {"u64 cut", file(0, 1).key("k", GgufType::u64).raw("1234567").bytes, t, "\"k\""},
      {"f64 cut", file(0, 1).key("k", GgufType::f64).raw("1234567").bytes, t, "\"k\""},
      {"bool of 2", file(0, 1).key("k", GgufType::boolean).le(uint8_t(2)).bytes, Err::badValue, "\"k\" holds 2"},
      {"bool of 255 in an array", file(0, 1).array("k", GgufType::boolean, 2).raw("\1\xff").bytes, Err::badValue,
       "holds 255"},
      {"string length cut", file(0, 1).key("k", GgufType::string).u32(1).bytes, t, "\"k\""},
      {"string cut", file(0, 1).key("k", GgufType::string).u64(9).raw("12345678").bytes, t, "\"k\""},
      {"string length of -1", file(0, 1).key("k", GgufType::string).u64(kMax64).raw("x").bytes, Err::tooLarge, "\"k\""},
      {"string length of 2^63", file(0, 1).key("k", GgufType::string).u64(kMax63 + 1).raw("x").bytes, Err::tooLarge,
       "\"k\""},
      {"string of 1 TB", file(0, 1).key("k", GgufType::string).u64(1ull << 40).raw("x").bytes, Err::tooLarge, "\"k\""},
      {"string that would wrap the cursor", file(0, 1).key("k", GgufType::string).u64(kMax64 - 40).raw("x").bytes,
       Err::tooLarge, "\"k\""},

      // arrays
      {"array type cut", file(0, 1).key("k", GgufType::array).raw("\1").bytes, t, "\"k\""},
      {"array count cut", file(0, 1).key("k", GgufType::array).u32(4).u32(1).bytes, t, "\"k\""},
      {"array of type 13", file(0, 1).array("k", GgufType(13), 1).zeros(8).bytes, Err::badValue, "type 13"},
      {"array of arrays", file(0, 1).array("k", GgufType::array, 1).u32(4).u64(1).u32(7).bytes, Err::unsupported,
       "\"k\" is an array of arrays"},
      {"u32 array without entries", file(0, 1).array("k", GgufType::u32, 4).zeros(15).bytes, t, "\"k\""},
      {"u64 array of -1 entries", file(0, 1).array("k", GgufType::u64, kMax64).zeros(64).bytes, Err::tooLarge, "\"k\""},
      {"u64 array whose size wraps", file(0, 1).array("k", GgufType::u64, (1ull << 61) + 1).zeros(64).bytes,
       Err::tooLarge, "\"k\""},
      {"array just beyond the limit", file(0, 1).array("k", GgufType::u8, (16ull << 20) + 1).zeros(64).bytes,
       Err::tooLarge, "\"k\""},
      {"array at the limit, not there", file(0, 1).array("k", GgufType::u64, 16ull << 20).zeros(64).bytes, t, "\"k\""},
      {"strings at the limit, not there", file(0, 1).array("k", GgufType::string, 16ull << 20).zeros(64).bytes, t,
       "\"k\""},
      {"strings of -1 entries", file(0, 1).array("k", GgufType::string, kMax64).zeros(64).bytes, Err::tooLarge,
       "\"k\""},
      {"second string cut", file(0, 1).array("k", GgufType::string, 2).str("ok").u64(5).raw("cut").bytes, t, "\"k\""},
      {"string in an array of -1 bytes", file(0, 1).array("k", GgufType::string, 2).str("ok").u64(kMax64).bytes,
       Err::tooLarge, "\"k\""},

      // alignment
      {"alignment 0", alignment(GgufType::u32, 0u), Err::badValue, "general.alignment"},
      {"alignment 1", alignment(GgufType::u32, 1u), Err::badValue, "general.alignment"},
      {"alignment 13", alignment(GgufType::u32, 13u), Err::badValue, "is 13"},
      {"alignment 33", alignment(GgufType::u32, 33u), Err::badValue, "is 33"},
      {"alignment 2 MiB", alignment(GgufType::u32, 2u << 20), Err::badValue, "is 2097152"},
      {"alignment 2^31", alignment(GgufType::u32, 1u << 31), Err::badValue, "is 2147483648"},
      {"alignment as u64", alignment(GgufType::u64, uint64_t(32)), Err::badValue, "not u32"},
      {"alignment as i32", alignment(GgufType::i32, 32), Err::badValue, "not u32"},
      {"alignment as text", file(0, 1).key("general.alignment", GgufType::string).str("32").bytes, Err::badValue,
       "not u32"},

      // the tensor table
      {"tensor name cut", file(1, 0).u64(4).raw("wei").bytes, t, "tensor 1 of 1"},
      {"tensor name of -1 bytes", file(1, 0).u64(kMax64).zeros(64).bytes, Err::tooLarge, "tensor 1 of 1"},
      {"tensor name of 513 bytes", file(1, 0).tensor(std::string(513, 'n'), {1}, 0, 0).pad().zeros(32).bytes,
       Err::tooLarge, "tensor 1 of 1"},
      {"empty tensor name", file(1, 0).tensor("", {1}, 0, 0).pad().zeros(32).bytes, Err::badValue, "empty name"},
      {"no dimensions", oneTensor({}, 0, 0, 32), Err::badValue, "\"w\" has 0 dimensions"},
      {"five dimensions", oneTensor({1, 1, 1, 1, 1}, 0, 0, 32), Err::badValue, "\"w\" has 5 dimensions"},
      {"2^32-1 dimensions", file(1, 0).str("w").u32(~0u).zeros(64).bytes, Err::badValue, "4294967295 dimensions"},
      {"dimensions cut", file(1, 0).str("w").u32(4).u64(1).bytes, t, "\"w\""},
      {"type cut", file(1, 0).str("w").u32(1).u64(1).bytes, t, "\"w\""},
      {"offset cut", file(1, 0).str("w").u32(1).u64(1).u32(0).bytes, t, "\"w\""},
      {"dimension 0", oneTensor({4, 0}, 0, 0, 32), Err::badValue, "\"w\" has a dimension of zero"},
      {"first dimension 0", oneTensor({0}, 2, 0, 32), Err::badValue, "\"w\" has a dimension of zero"},
      {"dimension of -1", oneTensor({kMax64}, 0, 0, 32), Err::tooLarge, "\"w\""},
      {"dimension of 2^63", oneTensor({kMax63 + 1}, 0, 0, 32), Err::tooLarge, "\"w\""},
      {"elements wrap to 0", oneTensor({1ull << 32, 1ull << 32}, 0, 0, 32), Err::tooLarge, "\"w\""},
      {"elements wrap to 4", oneTensor({(1ull << 62) + 1, 4}, 0, 0, 32), Err::tooLarge, "\"w\""},
      {"elements beyond 2^63", oneTensor({1ull << 31, 1ull << 31, 2}, 0, 0, 32), Err::tooLarge, "\"w\""},
      {"bytes wrap", oneTensor({kMax63}, 0, 0, 32), Err::tooLarge, "\"w\""},
      {"bytes wrap over rows", oneTensor({1ull << 31, 1ull << 31}, 28, 0, 32), Err::tooLarge, "\"w\""},
      {"an exabyte", oneTensor({1ull << 30, 1ull << 30}, 24, 0, 32), t, "\"w\""},
      {"type 4, removed from GGUF", oneTensor({32}, 4, 0, 32), Err::unsupported, "type number 4"},
      {"type 36, removed from GGUF", oneTensor({32}, 36, 0, 32), Err::unsupported, "type number 36"},
      {"type 1000", oneTensor({32}, 1000, 0, 32), Err::unsupported, "\"w\" has the type number 1000"},
      {"type of all ones", oneTensor({32}, ~0u, 0, 32), Err::unsupported, "type number 4294967295"},
      {"half a Q4_0 block", oneTensor({16}, 2, 0, 32), Err::badValue, "\"w\" has rows of 16"},
      {"rows of one and a half Q4_K blocks", oneTensor({384, 2}, 12, 0, 512), Err::badValue, "Q4_K blocks"},
      {"tensor given twice", file(2, 0).tensor("w", {8}, 0, 0).tensor("w", {8}, 0, 32).pad().zeros(64).bytes,
       Err::badValue, "\"w\" occurs twice"},

      // where tensors lie
      {"no data", file(1, 0).tensor("w", {8}, 0, 0).bytes, t, "tensor data"},
      {"data one byte short", oneTensor({8}, 0, 0, 31), t, "\"w\""},
      {"offset at the end of the file", oneTensor({8}, 0, 32, 32), t, "\"w\""},
      {"offset of -32", oneTensor({8}, 0, kMax64 - 31, 32), t, "\"w\""},
      {"offset that wraps to the header", oneTensor({8}, 0, kMax64 - 95, 32), t, "\"w\""},
      {"offset of 2^63", oneTensor({8}, 0, kMax63 + 1, 32), t, "\"w\""},
      {"offset not aligned", oneTensor({8}, 0, 4, 64), Err::badValue, "\"w\" starts at 4"},
      {"offset aligned to 32 in a file of 64",
       file(1, 1).key("general.alignment", GgufType::u32).u32(64).tensor("w", {8}, 0, 32).pad(64).zeros(128).bytes,
       Err::badValue, "not a multiple of 64"},
      {"two tensors at one place", twoTensors(0, 0, 64), Err::badValue, "\"a\" and \"b\" overlap"},
      {"overlap by a block", file(2, 0).tensor("a", {16}, 0, 0).tensor("b", {8}, 0, 32).pad().zeros(96).bytes,
       Err::badValue, "overlap"},
      {"overlap out of order", file(2, 0).tensor("b", {8}, 0, 32).tensor("a", {16}, 0, 0).pad().zeros(96).bytes,
       Err::badValue, "overlap"},
      {"two sizes of 2^63",
       file(2, 0).tensor("a", {1ull << 61}, 0, 0).tensor("b", {1ull << 61}, 0, 1ull << 63).pad().zeros(64).bytes, t,
       "\"a\""},
  };
  return all;
}

TEST(GgufHostile, everyCaseIsRefusedWithASentence) {
  const auto all = cases();
  EXPECT_GE(all.size(), 70u);
  for (const Case& c : all) {
    SCOPED_TRACE(c.name);
    const auto header = parseGguf(c.bytes, c.bytes.size());
    if (header) {
      ADD_FAILURE() << "was accepted";
      continue;
    }
    EXPECT_EQ(header.error().code, c.code) << header.error().what;
    EXPECT_NE(header.error().what.find(c.names), std::string::npos) << header.error().what;
    EXPECT_EQ(header.error().what.find('\n'), std::string::npos);
    EXPECT_LT(header.error().what.size(), 300u);
  }
}

// What looks hostile and is right.
TEST(GgufHostile, edgesThatAreAllowed) {
  const std::vector<std::pair<const char*, std::vector<std::byte>>> allowed = {
      {"empty string", file(0, 1).key("k", GgufType::string).str("").bytes},
      {"empty arrays", file(0, 2).array("a", GgufType::u64, 0).array("b", GgufType::string, 0).bytes},
      {"NaN", file(0, 1).key("k", GgufType::f32).le(std::numeric_limits<float>::quiet_NaN()).bytes},
      {"string of any bytes", file(0, 1).key("k", GgufType::string).str(std::string_view("\0\xff\xfe", 3)).bytes},
      {"alignment 8", alignment(GgufType::u32, 8u)},
      {"alignment 1 MiB", alignment(GgufType::u32, 1u << 20)},
      {"tensors out of order with a gap", twoTensors(96, 0, 128)},
      {"last tensor without padding", oneTensor({9}, 0, 0, 36)},
  };
  for (const auto& [name, raw] : allowed) {
    const auto header = parseGguf(raw, raw.size());
    EXPECT_TRUE(header) << name << ": " << header.error().what;
  }
}

TEST(GgufHostile, smallFilesTakeLittleMemory) {
  for (const Case& c : cases()) {
    test::resetAllocationPeak();
    const auto header = parseGguf(c.bytes, c.bytes.size());
    EXPECT_LE(test::allocationPeak(), 4096 + 16 * c.bytes.size()) << c.name;
  }
}

TEST(GgufHostile, memoryFollowsTheFile) {
  GgufWriter writer;
  for (int i = 0; i < 20'000; ++i) writer.boolean(std::to_string(10'000 + i), true);
  const auto raw = writer.bytes();
  test::resetAllocationPeak();
  const auto header = parseGguf(raw, raw.size());
  ASSERT_TRUE(header);
  EXPECT_LE(test::allocationPeak(), 8 * raw.size());
}

TEST(GgufHostile, everyPrefixIsRefused) {
  const auto fixture = test::sampleGguf();
  ASSERT_TRUE(parseGguf(fixture, fixture.size()));
  for (size_t length = 0; length < fixture.size(); ++length) {
    const auto header = parseGguf(std::span(fixture).first(length), length);
    ASSERT_FALSE(header) << length << " bytes were accepted";
    EXPECT_TRUE(header.error().code == Err::truncated) << length << ": " << header.error().what;
  }
}

TEST(GgufHostile, everyFlippedBitIsRefusedOrHarmless) {
  auto fixture = test::sampleGguf();
  for (size_t bit = 0; bit < fixture.size() * 8; ++bit) {
    fixture[bit / 8] ^= std::byte(1 << (bit % 8));
    test::parseAndRead(fixture);
    fixture[bit / 8] ^= std::byte(1 << (bit % 8));
  }
}

}  // namespace
}  // namespace lemma
