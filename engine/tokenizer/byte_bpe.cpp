#include "engine/tokenizer/byte_bpe.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "engine/tokenizer/pair_merger.h"

namespace lemma {
namespace {

constexpr size_t kShortWord = 32;  // up to here a scan for the least rank beats a heap
constexpr uint32_t kNoRank = std::numeric_limits<uint32_t>::max();

// The byte that each character below U+0144 stands for, -1 for none: printable Latin-1 stands for itself, the other
// 68 bytes are numbered from U+0100 on in ascending order.
constexpr std::array<int16_t, 0x144> kByteOfChar = [] {
  std::array<int16_t, 0x144> table{};
  table.fill(-1);
  int16_t next = 0x100;
  for (int16_t b = 0; b < 256; ++b) {
    const bool printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
    table[size_t(printable ? b : next++)] = b;
  }
  return table;
}();

}  // namespace

void appendByteLevelDecoded(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size();) {
    const CodePoint c = decodeUtf8(text, i);
    if (c.value < kByteOfChar.size() && kByteOfChar[c.value] >= 0) {
      out += char(kByteOfChar[c.value]);
    } else {
      out += text.substr(i, size_t(c.bytes));
    }
    i += size_t(c.bytes);
  }
}

ByteBpe::ByteBpe(const Vocabulary& vocabulary, const Pretokenizer& pre) : vocabulary_(vocabulary), pre_(pre) {
  for (int b = 0; b < 256; ++b) {
    const char byte = char(b);
    byteToken_[size_t(b)] = int32_t(vocabulary.subword({&byte, 1}).value_or(Token(-1)));
  }
}

void ByteBpe::addMerge(std::string_view left, std::string_view right) {
  const uint32_t rank = ranks_++;
  left_.clear();
  appendByteLevelDecoded(left, left_);
  whole_ = left_;
  appendByteLevelDecoded(right, whole_);
  const auto l = vocabulary_.subword(left_);
  const auto r = vocabulary_.subword(std::string_view(whole_).substr(left_.size()));
  const auto merged = vocabulary_.subword(whole_);
  if (l && r && merged) added_.push_back({int32_t(*l), int32_t(*r), rank, int32_t(*merged)});
}

void ByteBpe::index() {
  firstMerge_.assign(size_t(vocabulary_.size()) + 1, 0);
  for (const Merge& m : added_) ++firstMerge_[size_t(m.left) + 1];
  std::partial_sum(firstMerge_.begin(), firstMerge_.end(), firstMerge_.begin());
  std::vector<uint32_t> fill(firstMerge_.begin(), firstMerge_.end() - 1);
  merges_.resize(added_.size());
  for (const Merge& m : added_) merges_[fill[size_t(m.left)]++] = {m.right, m.rank, m.merged};
  for (size_t s = 0; s + 1 < firstMerge_.size(); ++s) {
    // Of a pair given twice the lower rank comes first, and merge() finds the first.
    std::sort(merges_.begin() + firstMerge_[s], merges_.begin() + firstMerge_[s + 1],
              [](const MergeOfLeft& a, const MergeOfLeft& b) {
                return a.right != b.right ? a.right < b.right : a.rank < b.rank;
              });
  }
  added_ = {};
}

const ByteBpe::MergeOfLeft* ByteBpe::merge(int32_t left, int32_t right) const {
  const MergeOfLeft* begin = merges_.data() + firstMerge_[size_t(left)];
  const MergeOfLeft* end = merges_.data() + firstMerge_[size_t(left) + 1];
  const MergeOfLeft* m =
      std::lower_bound(begin, end, right, [](const MergeOfLeft& a, int32_t r) { return a.right < r; });
  return m != end && m->right == right ? m : nullptr;
}

void ByteBpe::mergeShort(std::vector<int32_t>& symbols) const {
  struct Pair {
    uint32_t rank;
    int32_t merged;
  };
  std::array<Pair, kShortWord> pairs;
  const auto look = [&](size_t i) {
    const MergeOfLeft* m = merge(symbols[i], symbols[i + 1]);
    pairs[i] = m ? Pair{m->rank, m->merged} : Pair{kNoRank, -1};
  };
  size_t n = symbols.size();
  for (size_t i = 0; i + 1 < n; ++i) look(i);
  while (n > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < n; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == kNoRank) break;
    symbols[best] = pairs[best].merged;
    std::copy(symbols.begin() + ptrdiff_t(best) + 2, symbols.begin() + ptrdiff_t(n),
              symbols.begin() + ptrdiff_t(best) + 1);
    if (n > 2)
      std::copy(pairs.begin() + ptrdiff_t(best) + 1, pairs.begin() + ptrdiff_t(n) - 1, pairs.begin() + ptrdiff_t(best));
    --n;
    if (best > 0) look(best - 1);
    if (best + 1 < n) look(best);
  }
  symbols.resize(n);
}

void ByteBpe::mergeLong(std::vector<int32_t>& symbols) const {
  std::vector<uint32_t> next;
  mergePairs(symbols, next, [&](uint32_t begin, uint32_t middle, uint32_t) -> std::optional<PairMerge> {
    const MergeOfLeft* m = merge(symbols[begin], symbols[middle]);
    return m ? std::optional(PairMerge{m->rank, m->merged}) : std::nullopt;
  });
  size_t left = 0;
  for (uint32_t i = 0; i < symbols.size(); i = next[i]) symbols[left++] = symbols[i];
  symbols.resize(left);
}

void ByteBpe::encodeWord(std::string_view word, std::vector<int32_t>& symbols, std::vector<Token>& out) const {
  if (pre_.wholeWords) {
    if (const auto whole = vocabulary_.subword(word)) {
      out.push_back(*whole);
      return;
    }
  }
  symbols.clear();
  for (const char c : word) {
    if (const int32_t token = byteToken_[uint8_t(c)]; token >= 0) symbols.push_back(token);
  }
  if (symbols.size() <= kShortWord) {
    mergeShort(symbols);
  } else {
    mergeLong(symbols);
  }
  for (const int32_t s : symbols) out.push_back(Token(s));
}

void ByteBpe::encode(std::string_view text, bool, std::vector<Token>& out) const {
  std::vector<CharClass> classes;
  std::vector<size_t> ends;
  splitWords(pre_, text, classes, ends);
  std::vector<int32_t> symbols;
  size_t begin = 0;
  for (const size_t end : ends) {
    encodeWord(text.substr(begin, end - begin), symbols, out);
    begin = end;
  }
}

}  // namespace lemma
