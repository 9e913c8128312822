// SentencePiece's unigram model: the pieces of a word whose scores sum highest. Characters without a piece cost more
// than any piece; neighbours of them make one unknown token, or tokens of their bytes. Linear in the word's length, at
// most PieceTrie::kLongest steps a byte. Immutable, any thread.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/tokenizer/byte_tokens.h"
#include "engine/tokenizer/piece_trie.h"
#include "engine/tokenizer/vocabulary.h"
#include "engine/tokenizer/word_model.h"

namespace lemma {

class Unigram final : public WordModel {
 public:
  // One score a token; only subwords of `vocabulary` are pieces. NaN and infinite scores count as the lowest.
  static Result<std::unique_ptr<Unigram>> make(const Vocabulary& vocabulary, std::vector<double> scores,
                                               std::optional<Token> unknown, const ByteTokens& bytes);

  void encodeWord(std::string_view word, std::vector<int32_t>& scratch, std::vector<Token>& out) const override;

 private:
  Unigram(PieceTrie trie, std::vector<double> scores, double unknownScore, std::optional<Token> unknown,
          const ByteTokens& bytes)
      : trie_(std::move(trie)),
        scores_(std::move(scores)),
        unknownScore_(unknownScore),
        unknown_(unknown),
        bytes_(bytes) {}

  PieceTrie trie_;
  std::vector<double> scores_;
  double unknownScore_;
  std::optional<Token> unknown_;
  ByteTokens bytes_;
};

}  // namespace lemma
