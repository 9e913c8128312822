// SentencePiece BPE ("llama" in GGUF): characters are the first symbols, neighbours merge where their text is a token,
// the highest score first; what is no token then falls back to tokens of bytes, or to the unknown token.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/byte_tokens.h"
#include "engine/tokenizer/subword_model.h"
#include "engine/tokenizer/vocabulary.h"

namespace lemma {

// The format's mark for a space, U+2581, made a space.
void appendSpaceMarksDecoded(std::string_view text, std::string& out);
// The byte of "<0x0A>"; empty for any other text.
std::optional<uint8_t> byteOfToken(std::string_view text);

class SentencePieceBpe final : public SubwordModel {
 public:
  // `scores`: one a token, any value (NaN counts as the lowest). `vocabulary` must outlive it; its pieces hold spaces,
  // not marks.
  SentencePieceBpe(const Vocabulary& vocabulary, const std::vector<float>& scores, std::optional<Token> unknown,
                   bool spacePrefix);
  void setByte(uint8_t byte, Token token) { bytes_.set(byte, token); }

  void encode(std::string_view text, bool opensInput, std::vector<Token>& out) const override;

 private:
  void appendUnmerged(std::string_view text, size_t first, std::vector<Token>& out) const;

  const Vocabulary& vocabulary_;
  std::vector<uint32_t> priority_;  // by token: the order of scores, highest first
  ByteTokens bytes_;
  std::optional<Token> unknown_;
  bool spacePrefix_;
  size_t longest_ = 0;  // piece
};

}  // namespace lemma
