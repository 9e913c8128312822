#include "engine/speculate/ngram_proposer.h"

namespace lemma {

void NgramProposer::propose(std::span<const Token> text, int most, Proposal& out) {
  out.tokens.clear();
  const auto last = ptrdiff_t(text.size()) - 1;
  int longest = 0;
  ptrdiff_t end = 0;  // where the repetition ends, the first time
  for (ptrdiff_t i = last - 1; i >= kShortest - 1 && longest < kLongest; --i) {
    if (text[size_t(i)] != text[size_t(last)]) continue;
    int n = 1;
    while (n < kLongest && n <= i && text[size_t(i - n)] == text[size_t(last - n)]) ++n;
    if (n > longest) {
      longest = n;
      end = i;
    }
  }
  if (longest < kShortest) return;
  out.grade = longest >= 8 ? 2 : longest >= 4 ? 1 : 0;
  for (int i = 0; i < most; ++i) {
    // Where the repetition reaches the end of the text it goes on with what is guessed.
    const auto from = size_t(end + 1 + i);
    out.tokens.push_back(from < text.size() ? text[from] : out.tokens[from - text.size()]);
  }
}

}  // namespace lemma
