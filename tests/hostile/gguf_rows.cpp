// Headers of GGUF files.
#include <limits>

#include "tests/hostile/rows.h"
#include "tests/support/gguf_writer.h"

namespace lemma::test {
namespace {

constexpr uint64_t kMax64 = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kMax63 = kMax64 / 2;
constexpr uint32_t kF32 = 0, kI8 = 24;  // GGUF's numbers

Row row(std::string name, std::string says, RawBytes file) {
  return {std::move(name), std::move(says), [bytes = std::move(file.bytes)]() -> Result<void> {
            const auto header = parseGguf(bytes, bytes.size());
            if (!header) return tl::unexpected(header.error());
            return {};
          }};
}

RawBytes file(uint64_t tensors, uint64_t keys) { return RawBytes().header(tensors, keys); }
RawBytes key(uint32_t value, const char* name = "general.alignment") {
  return file(0, 1).key(name, GgufType::u32).u32(value);
}
// A tensor "w" and so many bytes of data.
RawBytes tensor(const std::vector<uint64_t>& ne, uint32_t type = kF32, uint64_t offset = 0, size_t data = 32) {
  return file(1, 0).tensor("w", ne, type, offset).pad().zeros(data);
}
// Tensors "a" and "b" of one dimension.
RawBytes pair(uint64_t a, uint64_t b, uint64_t offsetOfB, uint32_t type = kI8, size_t data = 64) {
  return file(2, 0).tensor("a", {a}, type, 0).tensor("b", {b}, type, offsetOfB).pad().zeros(data);
}
RawBytes aligned(uint32_t alignment, size_t pad, uint64_t offsetOfB) {
  return file(2, 1)
      .key("general.alignment", GgufType::u32)
      .u32(alignment)
      .tensor("a", {8}, kF32, 0)
      .tensor("b", {8}, kF32, offsetOfB)
      .pad(pad)
      .zeros(256);
}
RawBytes version(uint32_t number) { return RawBytes().header(0, 0, number); }

}  // namespace

// Where we differ from the reference: a dimension of zero is refused, names may have up to 512 bytes instead of 63.
std::vector<Row> referenceRows() {
  return {
      row("header: another magic", "GGUF", RawBytes().raw("FUGG").u32(3).u64(0).u64(0)),
      row("header: version 0", "version 0", version(0)),
      row("header: version 1", "version 1", version(1)),
      row("header: a version to come", "version 4", version(4)),
      row("header: -1 tensors", "tensors", file(kMax64, 0)),
      row("header: -1 keys", "keys", file(0, kMax64)),
      row("header: empty", "", file(0, 0)),
      row("keys: a key of -1 bytes", "key 1 of 1", file(0, 1).u64(kMax64).zeros(32)),
      row("keys: an empty key", "empty name", file(0, 1).key("", GgufType::u32).u32(1)),
      row("keys: a type that is none", "\"k\"", file(0, 1).str("k").u32(13).u32(1)),
      row("keys: a key twice", "\"k\" occurs twice",
          file(0, 2).key("k", GgufType::u32).u32(1).key("k", GgufType::u32).u32(1)),
      row("keys: an alignment of 13", "general.alignment", key(13)),
      row("keys: an alignment of another type", "general.alignment",
          file(0, 1).key("general.alignment", GgufType::u64).u64(32)),
      row("keys: right", "", key(32)),
      row("tensors: a name too long", "tensor 1 of 1",
          file(1, 0).tensor(std::string(513, 'n'), {8}, kF32, 0).pad().zeros(32)),
      row("tensors: five dimensions", "\"w\" has 5 dimensions", tensor({2, 2, 2, 1, 1})),
      row("tensors: a dimension of -1", "\"w\"", tensor({kMax64, 2})),
      row("tensors: a dimension of zero", "\"w\" has a dimension of zero", tensor({8, 0})),
      row("tensors: more elements than count", "\"w\"", tensor({1ull << 40, 1ull << 40})),
      row("tensors: more bytes than count", "\"w\"", tensor({1ull << 62})),
      row("tensors: bytes whose padding wraps", "\"w\"", tensor({kMax63 - 7, 2}, kI8)),
      row("tensors: a type that is none", "\"w\" has the type number 999", tensor({8}, 999)),
      row("tensors: an offset that is not the next", "\"w\"", tensor({8}, kF32, 32)),
      row("tensors: a name twice", "\"w\" occurs twice",
          file(2, 0).tensor("w", {8}, kF32, 0).tensor("w", {8}, kF32, 32).pad().zeros(64)),
      row("tensors: an alignment of 13", "general.alignment", aligned(13, 32, 32)),
      row("tensors: offsets of another alignment", "not a multiple of 64", aligned(64, 64, 32)),
      row("tensors: right", "", pair(8, 8, 32, kF32, 64)),
      row("tensors: right, of an alignment of their own", "", aligned(64, 64, 64)),
      row("data: not enough of it", "\"w\"", tensor({8}, kF32, 0, 31)),
      row("data: an alignment of 13", "general.alignment", aligned(13, 13, 39)),
      row("data: padded by another alignment", "not a multiple of 128", aligned(128, 32, 32)),
      row("data: two sizes whose sum wraps", "\"a\"", pair(kMax63 - 63, kMax63 - 63, kMax63 - 63)),
      row("data: right", "", tensor({8})),
      row("data: right, of an alignment of its own", "", aligned(16, 16, 32)),
  };
}

std::vector<Row> ggufRows() {
  RawBytes many = file(5, 0);
  for (uint64_t i = 0; i < 5; ++i) many.tensor("t" + std::to_string(i), {1ull << 62}, kI8, i << 62);
  std::vector<Row> rows = {
      row("CVE-2025-53630: sizes that wrap when padded and added", "\"a\"",
          pair(kMax63 - 31, kMax63 - 31, kMax63 - 31)),
      row("CVE-2026-27940: the same, one layer further down", "\"b\"", pair(32, kMax63, 32)),
      row("CVE-2026-33298: an exabyte on four kilobytes", "\"w\"", tensor({1ull << 30, 1ull << 30}, kI8, 0, 4096)),
      row("CVE-2026-33298: elements that wrap to a small number", "\"w\"",
          tensor({1ull << 32, 1ull << 32, 2}, kF32, 0, 4096)),
      row("GHSA-vgg9-87g3-85w8: a size whose padding wraps to zero", "\"w\"", tensor({kMax63, 2}, kI8)),
      row("llama.cpp 26318: five sizes whose sum wraps in an allocator", "\"t0\"", many.pad().zeros(64)),
      row("llama.cpp 24263: an empty key in 40 bytes", "empty name", file(0, 1).key("", GgufType::u8).le(uint8_t(1))),
      row("llama.cpp 24997: an alignment of 2^30", "is 1073741824", key(1u << 30)),
      row("llama.cpp 24997: an alignment of 2^31", "is 2147483648", key(1u << 31)),
      row("llama.cpp 24997: an alignment of 0", "general.alignment", key(0)),
      row("ggml 1516: 2^28 texts in 60 bytes", "\"k\"", file(0, 1).array("k", GgufType::string, 1ull << 28).zeros(16)),
      row("ggml 1516: 2^24 numbers in 60 bytes", "\"k\"", file(0, 1).array("k", GgufType::f64, 1ull << 24).zeros(16)),
      row("ggml 1516: a text of a gigabyte in 60 bytes", "\"k\"",
          file(0, 1).key("k", GgufType::string).u64(1ull << 30).zeros(16)),
      row("ggml 1516: 65,536 tensors in 60 bytes", "tensor 1 of 65536", file(65'536, 0).zeros(4)),
      row("CVE-2024-39720: four bytes", "version", RawBytes().raw("GGUF")),
      row("CVE-2024-12055: a key that ends behind the file", "key 1 of 1", file(0, 1).u64(60).raw("general.name")),
      row("CVE-2024-12055: a text that ends behind the file", "\"k\"",
          file(0, 1).key("k", GgufType::string).u64(100).raw("short")),
      row("CVE-2026-7482: a tensor larger than the file", "\"w\"", tensor({1 << 20}, kF32, 0, 64)),
      row("CVE-2026-7482: a tensor behind the file", "\"w\"", tensor({8}, kF32, 1ull << 40, 64)),
      row("CVE-2026-7482: an offset that wraps back into the file", "\"w\"", tensor({8}, kF32, kMax64 - 63, 64)),
      row("an array of arrays", "\"k\" is an array of arrays",
          file(0, 1).array("k", GgufType::array, 1).u32(9).u64(1).u32(9).u64(1)),
      row("two tensors at one place", "\"a\" and \"b\" overlap", pair(64, 64, 0)),
      row("a truth that is 2", "\"k\" holds 2", file(0, 1).key("k", GgufType::boolean).le(uint8_t(2))),
      row("rows of half a block", "\"w\" has rows of 48", tensor({48}, 2)),
      row("a key of control bytes", "\"?[2J?\"", file(0, 1).str("\x1b[2J\n").u32(77)),
      row("2^32 - 1 dimensions", "4294967295 dimensions", file(1, 0).str("w").u32(~0u).zeros(64)),
  };
  for (size_t zero = 0; zero < 4; ++zero) {
    std::vector<uint64_t> ne(4, 8);
    ne[zero] = 0;
    rows.push_back(row("llama.cpp 24263: dimension " + std::to_string(zero) + " is zero",
                       "\"w\" has a dimension of zero", tensor(ne)));
  }
  return rows;
}

}  // namespace lemma::test
