#include "engine/tokenizer/unigram.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/tokenizer/unicode_class.h"

namespace lemma {
namespace {

constexpr double kUnknownPenalty = 10;
constexpr int32_t kUnknown = -1;

}  // namespace

Result<std::unique_ptr<Unigram>> Unigram::make(const Vocabulary& vocabulary, std::vector<double> scores,
                                               std::optional<Token> unknown, const ByteTokens& bytes) {
  double least = std::numeric_limits<double>::max();
  std::vector<std::pair<std::string_view, int32_t>> pieces;
  scores.resize(size_t(vocabulary.size()));
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const Token token{id};
    double& score = scores[size_t(id)];
    if (std::isfinite(score) && std::abs(score) < 1e30) least = std::min(least, score);
    if (vocabulary.kind(token) <= TokenKind::normal) pieces.emplace_back(vocabulary.piece(token), id);
  }
  if (least == std::numeric_limits<double>::max()) least = 0;
  for (double& score : scores) {
    if (!std::isfinite(score) || std::abs(score) >= 1e30) score = least;
  }
  LEMMA_TRY(trie, PieceTrie::build(std::move(pieces)));
  return std::unique_ptr<Unigram>(
      new Unigram(std::move(trie), std::move(scores), least - kUnknownPenalty, unknown, bytes));
}

void Unigram::encodeWord(std::string_view word, std::vector<int32_t>&, std::vector<Token>& out) const {
  struct Best {
    double score = 0;
    uint32_t begin = 0;
    int32_t token = kUnknown;
    bool reached = false;
  };
  std::vector<Best> best(word.size() + 1);
  const auto offer = [&](size_t begin, size_t end, double score, int32_t token) {
    Best& b = best[end];
    const double sum = best[begin].score + score;
    if (!b.reached || sum > b.score) b = {sum, uint32_t(begin), token, true};
  };
  for (size_t at = 0; at < word.size();) {
    const auto bytes = size_t(decodeUtf8(word, at).bytes);
    bool single = false;
    trie_.prefixes(word.substr(at), [&](size_t length, int32_t token) {
      offer(at, at + length, scores_[size_t(token)], token);
      single |= length == bytes;
    });
    if (!single) offer(at, at + bytes, unknownScore_, kUnknown);
    at += bytes;
  }
  const size_t first = out.size();
  std::vector<std::pair<size_t, size_t>> stretches;  // for which out holds kUnknown, the last first
  for (size_t end = word.size(); end > 0;) {
    const Best& b = best[end];
    if (b.token != kUnknown) {
      out.push_back(Token(b.token));
    } else if (out.size() > first && int32_t(out.back()) < 0) {
      stretches.back().first = b.begin;
    } else {
      stretches.emplace_back(b.begin, end);
      out.push_back(Token(kUnknown));
    }
    end = b.begin;
  }
  std::reverse(out.begin() + ptrdiff_t(first), out.end());
  if (stretches.empty()) return;
  std::vector<Token> filled;
  for (size_t i = first; i < out.size(); ++i) {
    if (int32_t(out[i]) >= 0) {
      filled.push_back(out[i]);
      continue;
    }
    const auto [begin, end] = stretches.back();
    stretches.pop_back();
    if (!bytes_.append(word.substr(begin, end - begin), filled) && unknown_) filled.push_back(*unknown_);
  }
  out.resize(first);
  out.insert(out.end(), filled.begin(), filled.end());
}

}  // namespace lemma
