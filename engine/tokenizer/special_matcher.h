// Finds tokens that are written out in a text (control tokens, added tokens): at the first place where any is found,
// the longest. Time per byte of text is bounded by the longest token that is looked for. Immutable, any thread.
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api/types.h"

namespace lemma {

// A token and how it is written.
struct WrittenToken {
  std::string text;
  Token token{};
  bool stripLeft = false, stripRight = false;  // it takes the white space beside it
  bool wholeWord = false;                      // not found within a word
};

class SpecialMatcher {
 public:
  static constexpr size_t kLongest = 256;  // bytes; longer tokens are never found in text

  explicit SpecialMatcher(std::vector<WrittenToken> tokens);

  struct Match {
    size_t begin, end;   // of the token itself
    size_t first, last;  // with the white space it takes; first >= from
    Token token;
  };
  std::optional<Match> find(std::string_view text, size_t from) const;

 private:
  std::optional<Match> longestAt(std::string_view text, size_t at, const WrittenToken*& found) const;

  std::vector<WrittenToken> tokens_;  // by their text, ascending
  std::bitset<256> firstBytes_;
};

}  // namespace lemma
