#include "engine/tokenizer/special_matcher.h"

#include <algorithm>

namespace lemma {

SpecialMatcher::SpecialMatcher(const Vocabulary& vocabulary, std::vector<Token> tokens)
    : vocabulary_(vocabulary), tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [&](Token t) { return vocabulary.piece(t).empty() || vocabulary.piece(t).size() > kLongest; });
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [&](Token a, Token b) { return vocabulary.piece(a) < vocabulary.piece(b); });
  for (const Token t : tokens_) firstBytes_.set(uint8_t(vocabulary.piece(t)[0]));
}

std::optional<SpecialMatcher::Match> SpecialMatcher::find(std::string_view text, size_t from) const {
  for (size_t at = from; at < text.size(); ++at) {
    if (!firstBytes_[uint8_t(text[at])]) continue;
    if (const auto match = longestAt(text, at)) return match;
  }
  return std::nullopt;
}

// Narrows the sorted tokens byte by byte to those that begin like the text at `at`.
std::optional<SpecialMatcher::Match> SpecialMatcher::longestAt(std::string_view text, size_t at) const {
  std::optional<Match> longest;
  auto begin = tokens_.begin(), end = tokens_.end();
  for (size_t depth = 0; at + depth < text.size() && begin != end; ++depth) {
    const auto wanted = uint8_t(text[at + depth]);
    const auto byteOf = [&](Token t) {
      return uint8_t(vocabulary_.piece(t)[depth]);
    };  // all left are longer than depth
    begin = std::lower_bound(begin, end, wanted, [&](Token t, uint8_t b) { return byteOf(t) < b; });
    end = std::upper_bound(begin, end, wanted, [&](uint8_t b, Token t) { return b < byteOf(t); });
    if (begin == end || vocabulary_.piece(*begin).size() > depth + 1) continue;
    longest = Match{at, at + depth + 1, *begin};
    while (begin != end && vocabulary_.piece(*begin).size() == depth + 1) ++begin;  // ends here; the others go on
  }
  return longest;
}

}  // namespace lemma
