// Any bytes through a byte-level tokenizer and back are the same bytes, whole and token by token; a SentencePiece one
// comes back too, with tokens of its vocabulary. The input: a byte that chooses the pre-tokenizer, then the text.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/tokenizer/tokenizer.h"
#include "tests/support/tiny_vocabulary.h"

namespace {

using lemma::Token;
using lemma::Tokenizer;

std::unique_ptr<Tokenizer> make(const lemma::GgufWriter& writer) {
  const auto bytes = writer.bytes();
  const auto header = lemma::parseGguf(bytes, bytes.size());
  auto tokenizer = Tokenizer::fromGguf(*header);
  if (!tokenizer) __builtin_trap();
  return std::move(*tokenizer);
}

std::vector<std::unique_ptr<Tokenizer>> makeAll() {
  std::vector<std::unique_ptr<Tokenizer>> all;
  for (const char* pre : {"gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-llm", "deepseek-coder", "deepseek-v3",
                          "tekken", "gpt-4o", "default"}) {
    lemma::test::TinyVocabulary vocabulary;
    vocabulary.pre = pre;
    all.push_back(make(vocabulary.writer()));
  }
  return all;
}

std::unique_ptr<Tokenizer> makeSentencePiece() {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>", "\u2581", "a", "b", "ab", "\u2581a", "he", "ll"};
  std::vector<int32_t> types = {2, 3, 3, 1, 1, 1, 1, 1, 1, 1};
  for (int b = 0; b < 256; ++b) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", b);
    tokens.push_back(text);
    types.push_back(6);
  }
  return make(lemma::GgufWriter()
                  .str("tokenizer.ggml.model", "llama")
                  .strings("tokenizer.ggml.tokens", tokens)
                  .f32s("tokenizer.ggml.scores", std::vector<float>(tokens.size(), -1))
                  .i32s("tokenizer.ggml.token_type", types));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto kByteLevel = makeAll();
  static const auto kSentencePiece = makeSentencePiece();
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Tokenizer& t = *kByteLevel[data[0] % kByteLevel.size()];
  for (const bool parseSpecial : {false, true}) {
    const auto ids = t.encode(text, parseSpecial);
    if (t.decode(ids, false) != text) __builtin_trap();
    std::string pieces;
    for (const Token id : ids) {
      if (!parseSpecial && t.isControl(id)) __builtin_trap();  // what a person writes is never a control token
      pieces += t.piece(id);
    }
    if (pieces != text) __builtin_trap();
  }
  for (const Token id : kSentencePiece->encode(text, false)) {
    if (int(id) < 0 || int(id) >= kSentencePiece->size() || kSentencePiece->isControl(id)) __builtin_trap();
  }
  return 0;
}
