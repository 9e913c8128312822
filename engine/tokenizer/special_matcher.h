// Finds tokens that are written out in a text (control tokens, added tokens): at the first place where any is found,
// the longest. Time per byte of text is bounded by the longest token that is looked for. Immutable, any thread.
#pragma once

#include <bitset>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/api/types.h"
#include "engine/tokenizer/vocabulary.h"

namespace lemma {

class SpecialMatcher {
 public:
  static constexpr size_t kLongest = 256;  // bytes; longer tokens are never found in text

  // `vocabulary` must outlive it.
  SpecialMatcher(const Vocabulary& vocabulary, std::vector<Token> tokens);

  struct Match {
    size_t begin, end;
    Token token;
  };
  std::optional<Match> find(std::string_view text, size_t from) const;

 private:
  std::optional<Match> longestAt(std::string_view text, size_t at) const;

  const Vocabulary& vocabulary_;
  std::vector<Token> tokens_;  // by their bytes, ascending
  std::bitset<256> firstBytes_;
};

}  // namespace lemma
