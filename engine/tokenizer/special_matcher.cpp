#include "engine/tokenizer/special_matcher.h"

#include <algorithm>

#include "engine/tokenizer/unicode_class.h"

namespace lemma {
namespace {

size_t characterBefore(std::string_view text, size_t at) {
  do --at;
  while (at > 0 && (uint8_t(text[at]) & 0xc0) == 0x80);
  return at;
}
CharClass classAt(std::string_view text, size_t at) { return charClass(decodeUtf8(text, at).value); }
bool wordAt(std::string_view text, size_t at) {
  const CharClass c = classAt(text, at);
  return isLetter(c) || c == CharClass::mark || c == CharClass::number || text[at] == '_';
}

}  // namespace

SpecialMatcher::SpecialMatcher(std::vector<WrittenToken> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const WrittenToken& t) { return t.text.empty() || t.text.size() > kLongest; });
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [](const WrittenToken& a, const WrittenToken& b) { return a.text < b.text; });
  for (const WrittenToken& t : tokens_) firstBytes_.set(uint8_t(t.text[0]));
}

std::optional<SpecialMatcher::Match> SpecialMatcher::find(std::string_view text, size_t from) const {
  for (size_t at = from; at < text.size(); ++at) {
    if (!firstBytes_[uint8_t(text[at])]) continue;
    const WrittenToken* token = nullptr;
    auto match = longestAt(text, at, token);
    if (!match) continue;
    if (token->wholeWord && ((at > 0 && wordAt(text, characterBefore(text, at))) ||
                             (match->end < text.size() && wordAt(text, match->end)))) {
      at = match->end - 1;
      continue;
    }
    while (token->stripLeft && match->first > from) {
      const size_t before = characterBefore(text, match->first);
      if (before < from || classAt(text, before) != CharClass::space) break;
      match->first = before;
    }
    while (token->stripRight && match->last < text.size() && classAt(text, match->last) == CharClass::space) {
      match->last += size_t(decodeUtf8(text, match->last).bytes);
    }
    return match;
  }
  return std::nullopt;
}

// Narrows the sorted tokens byte by byte to those that begin like the text at `at`.
std::optional<SpecialMatcher::Match> SpecialMatcher::longestAt(std::string_view text, size_t at,
                                                               const WrittenToken*& found) const {
  auto begin = tokens_.begin(), end = tokens_.end();
  size_t length = 0;
  for (size_t depth = 0; at + depth < text.size() && begin != end; ++depth) {
    const auto wanted = uint8_t(text[at + depth]);
    // All that are left are longer than depth.
    begin = std::lower_bound(begin, end, wanted,
                             [&](const WrittenToken& t, uint8_t b) { return uint8_t(t.text[depth]) < b; });
    end = std::upper_bound(begin, end, wanted,
                           [&](uint8_t b, const WrittenToken& t) { return b < uint8_t(t.text[depth]); });
    if (begin == end || begin->text.size() > depth + 1) continue;
    found = &*begin;
    length = depth + 1;
    while (begin != end && begin->text.size() == depth + 1) ++begin;  // ends here; the others go on
  }
  if (!found) return std::nullopt;
  return Match{at, at + length, at, at + length, found->token};
}

}  // namespace lemma
