// A small byte-level vocabulary as GGUF metadata, for tests that need a tokenizer without a file: 256 bytes, a few
// merges of English, and special tokens. Change a part before write() to break it.
#pragma once

#include <string>
#include <vector>

#include "tests/support/gguf_writer.h"

namespace lemma::test {

// GPT-2's character for a byte, in UTF-8.
inline std::string byteLevelChar(int byte) {
  const auto printable = [](int b) { return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae; };
  int code = byte;
  if (!printable(byte)) {
    code = 0x100;
    for (int b = 0; b < byte; ++b) code += !printable(b);
  }
  if (code < 0x80) return {char(code)};
  return {char(0xc0 | (code >> 6)), char(0x80 | (code & 0x3f))};
}

struct TinyVocabulary {
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> types;
  std::string pre = "gpt-2";
  int bos = 0, eos = 0;

  TinyVocabulary() {
    for (int b = 0; b < 256; ++b) add(byteLevelChar(b), 1);
    for (const char* pair : {"h e", "l l", "he ll", "hell o", "\u0120 w", "o r", "\u0120w or", "l d", "\u0120wor ld",
                             "1 2", "a a", "aa aa"}) {
      merges.push_back(pair);
      std::string whole = pair;
      whole.erase(whole.find(' '), 1);
      add(whole, 1);
    }
    bos = add("<|begin|>", 3);
    eos = add("<|im_end|>", 3);
    add("<|im_start|>", 3);
    add("<unk>", 2);
    add("<think>", 4);
    add("</think>", 4);
    add("<unused>", 5);
  }
  int add(std::string text, int32_t type) {
    tokens.push_back(std::move(text));
    types.push_back(type);
    return int(tokens.size()) - 1;
  }
  GgufWriter writer() const {
    return GgufWriter()
        .str("tokenizer.ggml.model", "gpt2")
        .str("tokenizer.ggml.pre", pre)
        .strings("tokenizer.ggml.tokens", tokens)
        .i32s("tokenizer.ggml.token_type", types)
        .strings("tokenizer.ggml.merges", merges)
        .u32("tokenizer.ggml.bos_token_id", uint32_t(bos))
        .u32("tokenizer.ggml.eos_token_id", uint32_t(eos));
  }
};

}  // namespace lemma::test
