// Seeded damage to a small right file: whatever comes of it, the parser answers with a header that holds what it
// promises or with one sentence, within a second and without much memory. Test code only.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "engine/gguf/gguf.h"
#include "engine/model_file/content_id.h"
#include "tests/support/gguf_writer.h"

namespace lemma::test {

inline std::vector<std::byte> mutantFixture() {
  return GgufWriter()
      .str("general.architecture", "llama")
      .alignment(32)
      .u32("llama.block_count", 2)
      .f32("llama.rope.freq_base", 10000.f)
      .boolean("tokenizer.ggml.add_bos_token", true)
      .strings("tokenizer.ggml.tokens", std::vector<std::string>{"<s>", "a", "bc", "\xc4\xa0x"})
      .f32s("tokenizer.ggml.scores", {0.f, -1.f, -2.f, -3.f})
      .i32s("tokenizer.ggml.token_type", {3, 1, 1, 1})
      .u64("general.size", 1ull << 40)
      .tensor("token_embd.weight", Type::Q4_1, {32, 4}, std::vector<std::byte>(80))
      .tensor("blk.0.attn_q.weight", {4, 4}, std::vector<float>(16, 0.5f))
      .tensor("output_norm.weight", Type::F16, {16}, std::vector<std::byte>(32))
      .bytes();
}

// Parses, and where that succeeds reads everything and checks what a header promises.
inline void parseAndRead(std::span<const std::byte> bytes) {
  const auto header = parseGguf(bytes, bytes.size());
  if (!header) {
    ASSERT_FALSE(header.error().what.empty());
    return;
  }
  for (const auto& [key, value] : header->kv) {
    ASSERT_EQ(header->find(key), &value);
    value.asU64(), value.asI64(), value.asF64(), value.asBool(), value.asString();
    value.asI32Array(), value.asU64Array(), value.asF32Array(), value.asBoolArray();
    if (const auto strings = value.asStringArray()) {
      uint64_t count = 0;
      for (const std::string_view s : *strings) count += s.size() <= bytes.size();
      ASSERT_EQ(count, strings->size());
    }
  }
  std::vector<std::pair<uint64_t, uint64_t>> places;
  for (const ModelTensor& t : header->tensors) {
    ASSERT_LE(t.offset + t.bytes, bytes.size());
    ASSERT_EQ(t.offset % header->alignment, header->dataOffset % header->alignment);
    for (const auto& [begin, end] : places) ASSERT_TRUE(t.offset >= end || t.offset + t.bytes <= begin);
    places.emplace_back(t.offset, t.offset + t.bytes);
  }
  ASSERT_EQ(contentId({{bytes.first(header->headerBytes), header->fileBytes}}).size(), 32u);
}

inline void runMutants(int count, uint32_t seed) {
  const auto fixture = mutantFixture();
  std::mt19937 random(seed);
  const auto below = [&](size_t n) { return size_t(random()) % n; };
  constexpr uint64_t kNumbers[] = {0,      1,      7,        8,   31,         0x7f,       0x80, 0xff,
                                   0x7fff, 0xffff, 1u << 31, ~0u, 1ull << 40, ~0ull >> 1, ~0ull};
  for (int i = 0; i < count; ++i) {
    SCOPED_TRACE(i);
    auto mutant = fixture;
    for (size_t damages = 1 + below(4); damages-- > 0 && !mutant.empty();) {
      const size_t at = below(mutant.size());
      switch (below(6)) {
        case 0:
          mutant[at] = std::byte(random());
          break;
        case 1:
          mutant[at] ^= std::byte(1 << below(8));
          break;
        case 2: {  // a number where one may stand
          const uint64_t number = kNumbers[below(std::size(kNumbers))];
          std::memcpy(&mutant[at], &number, std::min<size_t>(mutant.size() - at, below(2) ? 8 : 4));
          break;
        }
        case 3:
          mutant.erase(mutant.begin() + ptrdiff_t(at),
                       mutant.begin() + ptrdiff_t(std::min(mutant.size(), at + 1 + below(16))));
          break;
        case 4:
          mutant.insert(mutant.begin() + ptrdiff_t(at), 1 + below(16), std::byte(random()));
          break;
        default: {  // a piece of the file again, elsewhere
          const size_t from = below(fixture.size()), length = 1 + below(std::min<size_t>(64, fixture.size() - from));
          mutant.insert(mutant.begin() + ptrdiff_t(at), fixture.begin() + ptrdiff_t(from),
                        fixture.begin() + ptrdiff_t(from + length));
        }
      }
    }
    const auto start = std::chrono::steady_clock::now();
    parseAndRead(mutant);
    ASSERT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace lemma::test
