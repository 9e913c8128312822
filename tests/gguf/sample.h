// A small right file of every kind of value and tensor, and what must hold of any bytes that are parsed: the header is
// what it promises, or there is one sentence. Test code only.
#pragma once

#include <gtest/gtest.h>

#include "engine/gguf/gguf.h"
#include "engine/model_file/content_id.h"
#include "tests/support/gguf_writer.h"

namespace lemma::test {

inline std::vector<std::byte> sampleGguf() {
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

}  // namespace lemma::test
