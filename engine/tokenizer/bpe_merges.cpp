#include "engine/tokenizer/bpe_merges.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <optional>

#include "engine/tokenizer/pair_merger.h"

namespace lemma {
namespace {

constexpr size_t kShortWord = 32;  // up to here a scan for the least rank beats a heap
constexpr uint32_t kNoRank = std::numeric_limits<uint32_t>::max();

}  // namespace

void BpeMerges::index(int vocabulary) {
  first_.assign(size_t(vocabulary) + 1, 0);
  for (const Merge& m : added_) ++first_[size_t(m.left) + 1];
  std::partial_sum(first_.begin(), first_.end(), first_.begin());
  std::vector<uint32_t> fill(first_.begin(), first_.end() - 1);
  merges_.resize(added_.size());
  for (const Merge& m : added_) merges_[fill[size_t(m.left)]++] = {m.right, m.rank, m.merged};
  for (size_t s = 0; s + 1 < first_.size(); ++s) {
    // Of a pair given twice the lower rank comes first, and find() takes the first.
    std::sort(merges_.begin() + first_[s], merges_.begin() + first_[s + 1],
              [](const MergeOfLeft& a, const MergeOfLeft& b) {
                return a.right != b.right ? a.right < b.right : a.rank < b.rank;
              });
  }
  added_ = {};
}

const BpeMerges::MergeOfLeft* BpeMerges::find(int32_t left, int32_t right) const {
  if (left < 0) return nullptr;
  const MergeOfLeft* begin = merges_.data() + first_[size_t(left)];
  const MergeOfLeft* end = merges_.data() + first_[size_t(left) + 1];
  const MergeOfLeft* m =
      std::lower_bound(begin, end, right, [](const MergeOfLeft& a, int32_t r) { return a.right < r; });
  return m != end && m->right == right ? m : nullptr;
}

void BpeMerges::applyShort(std::vector<int32_t>& symbols) const {
  struct Pair {
    uint32_t rank;
    int32_t merged;
  };
  std::array<Pair, kShortWord> pairs;
  const auto look = [&](size_t i) {
    const MergeOfLeft* m = find(symbols[i], symbols[i + 1]);
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

void BpeMerges::applyLong(std::vector<int32_t>& symbols) const {
  std::vector<uint32_t> next;
  mergePairs(symbols, next, [&](uint32_t begin, uint32_t middle, uint32_t) -> std::optional<PairMerge> {
    const MergeOfLeft* m = find(symbols[begin], symbols[middle]);
    return m ? std::optional(PairMerge{m->rank, m->merged}) : std::nullopt;
  });
  size_t left = 0;
  for (uint32_t i = 0; i < symbols.size(); i = next[i]) symbols[left++] = symbols[i];
  symbols.resize(left);
}

void BpeMerges::apply(std::vector<int32_t>& symbols) const {
  if (symbols.size() <= kShortWord) {
    applyShort(symbols);
  } else {
    applyLong(symbols);
  }
}

}  // namespace lemma
