// BPE over the characters of a word, merged by rank: SentencePiece's models as a tokenizer.json writes them. What the
// vocabulary has no character for falls back to tokens of bytes, or to the unknown token. n log n in a word's length.
// Immutable after the last merge, any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/bpe_merges.h"
#include "engine/tokenizer/byte_tokens.h"
#include "engine/tokenizer/vocabulary.h"
#include "engine/tokenizer/word_model.h"

namespace lemma {

class CharBpe final : public WordModel {
 public:
  struct Options {
    std::optional<Token> unknown;
    bool fuseUnknown = false;  // neighbours that are unknown make one token
    bool wholeWords = false;   // a word that is a token is taken whole, without merges
    ByteTokens bytes;
  };
  CharBpe(std::unique_ptr<const Vocabulary> vocabulary, const Options& options)
      : vocabulary_(std::move(vocabulary)), options_(options) {}

  // The next merge by rank. Without effect where a part or the whole is no subword.
  void addMerge(std::string_view left, std::string_view right);
  void index() { merges_.index(vocabulary_->size()); }  // after the last merge

  void encodeWord(std::string_view word, std::vector<int32_t>& scratch, std::vector<Token>& out) const override;

 private:
  std::unique_ptr<const Vocabulary> vocabulary_;
  Options options_;
  BpeMerges merges_;
};

}  // namespace lemma
