// Byte-level BPE: the bytes of a word are the first symbols, pairs merge by rank. n log n in a word's length. Bytes for
// which the vocabulary has no token are left out, as the reference implementation does.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/bpe_merges.h"
#include "engine/tokenizer/vocabulary.h"
#include "engine/tokenizer/word_model.h"

namespace lemma {

// The character that GPT-2's alphabet gives each byte, appended to out.
void appendByteLevelEncoded(std::string_view bytes, std::string& out);
// Whether text is written in that alphabet alone.
bool isByteLevel(std::string_view text);
// GPT-2's way to write bytes as printable characters: what `text` stands for is appended to out. Characters outside
// that alphabet are kept as they are.
void appendByteLevelDecoded(std::string_view text, std::string& out);

class ByteBpe final : public WordModel {
 public:
  // `vocabulary` must outlive it; `wholeWords`: a word that is a token is taken whole, without merges.
  ByteBpe(const Vocabulary& vocabulary, bool wholeWords);
  ByteBpe(std::unique_ptr<const Vocabulary> vocabulary, bool wholeWords);  // keeps it

  // The next merge by rank, of two byte-level texts. Without effect where a part or the whole is no subword.
  void addMerge(std::string_view left, std::string_view right);
  void index() { merges_.index(vocabulary_.size()); }  // after the last merge

  void encodeWord(std::string_view word, std::vector<int32_t>& scratch, std::vector<Token>& out) const override;

 private:
  std::unique_ptr<const Vocabulary> own_;
  const Vocabulary& vocabulary_;
  bool wholeWords_;
  std::array<int32_t, 256> byteToken_;
  BpeMerges merges_;
  std::string left_, whole_;  // scratch of addMerge
};

}  // namespace lemma
