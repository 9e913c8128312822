#include "engine/tokenizer/sentencepiece_bpe.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "engine/tokenizer/pair_merger.h"
#include "engine/tokenizer/unicode_class.h"

namespace lemma {
namespace {

constexpr std::string_view kSpaceMark = "\u2581";

// A number that grows as the score falls.
uint32_t descending(float score) {
  if (std::isnan(score)) return std::numeric_limits<uint32_t>::max();
  const auto bits = std::bit_cast<uint32_t>(score);
  const uint32_t ascending = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return ~ascending;
}

std::optional<int> hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return std::nullopt;
}

}  // namespace

void appendSpaceMarksDecoded(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size();) {
    const size_t mark = std::min(text.find(kSpaceMark, i), text.size());
    out += text.substr(i, mark - i);
    if (mark < text.size()) out += ' ';
    i = mark + kSpaceMark.size();
  }
}

std::optional<uint8_t> byteOfToken(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  const auto high = hexDigit(text[3]), low = hexDigit(text[4]);
  if (!high || !low) return std::nullopt;
  return uint8_t(*high * 16 + *low);
}

SentencePieceBpe::SentencePieceBpe(const Vocabulary& vocabulary, const std::vector<float>& scores,
                                   std::optional<Token> unknown, bool spacePrefix)
    : vocabulary_(vocabulary), unknown_(unknown), spacePrefix_(spacePrefix) {
  priority_.reserve(scores.size());
  for (const float score : scores) priority_.push_back(descending(score));
  for (int32_t id = 0; id < vocabulary.size(); ++id) longest_ = std::max(longest_, vocabulary.piece(Token(id)).size());
}

void SentencePieceBpe::appendUnmerged(std::string_view text, size_t first, std::vector<Token>& out) const {
  if (bytes_.append(text, out) || !unknown_) return;
  if (out.size() == first || out.back() != *unknown_) out.push_back(*unknown_);  // neighbours make one
}

void SentencePieceBpe::encode(std::string_view text, bool, std::vector<Token>& out) const {
  std::string spaced;
  spaced.reserve(text.size() + 1);
  if (spacePrefix_) spaced += ' ';
  appendSpaceMarksDecoded(text, spaced);

  std::vector<uint32_t> starts;  // of each character, and the end
  starts.reserve(spaced.size() + 1);
  for (size_t i = 0; i < spaced.size(); i += size_t(decodeUtf8(spaced, i).bytes)) starts.push_back(uint32_t(i));
  starts.push_back(uint32_t(spaced.size()));
  const auto textOf = [&](uint32_t begin, uint32_t end) {
    return std::string_view(spaced).substr(starts[begin], starts[end] - starts[begin]);
  };

  constexpr int32_t kUnmerged = -1;
  std::vector<int32_t> symbols(starts.size() - 1, kUnmerged);
  std::vector<uint32_t> next;
  const size_t first = out.size();
  mergePairs(symbols, next, [&](uint32_t begin, uint32_t, uint32_t end) -> std::optional<PairMerge> {
    if (starts[end] - starts[begin] > longest_) return std::nullopt;
    const auto token = vocabulary_.subword(textOf(begin, end));
    if (!token) return std::nullopt;
    return PairMerge{priority_[size_t(*token)], int32_t(*token)};
  });
  for (uint32_t i = 0; i < symbols.size(); i = next[i]) {
    if (symbols[i] != kUnmerged) {
      out.push_back(Token(symbols[i]));
    } else if (const auto token = vocabulary_.subword(textOf(i, next[i]))) {
      out.push_back(*token);
    } else {
      appendUnmerged(textOf(i, next[i]), first, out);
    }
  }
}

}  // namespace lemma
