// Merges neighbouring symbols, the best pair first, until no pair is left: the common part of both kinds of BPE.
// n log n; one allocation of 28 bytes a symbol.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace lemma {

struct PairMerge {
  uint32_t priority;  // the least first; of equal ones the leftmost
  int32_t symbol;     // what the two become
};

// `symbols` holds one symbol for each place of a sequence. look(begin, middle, end) says what the neighbours that cover
// the places [begin, middle) and [middle, end) become, if anything; they are symbols[begin] and symbols[middle] then.
// Afterwards the symbols that are left begin at place 0, next[0], next[next[0]], ...
template <class Look>
void mergePairs(std::vector<int32_t>& symbols, std::vector<uint32_t>& next, Look&& look) {
  struct Candidate {
    uint32_t priority, begin, middle, end;
    int32_t symbol;
  };
  const auto later = [](const Candidate& a, const Candidate& b) {
    return a.priority != b.priority ? a.priority > b.priority : a.begin > b.begin;
  };
  const auto n = uint32_t(symbols.size());
  constexpr uint32_t kGone = 0;  // no symbol ends at place 0
  std::vector<uint32_t> previous(n);
  std::vector<Candidate> heap;
  heap.reserve(n);
  next.resize(n);
  const auto consider = [&](uint32_t begin, uint32_t middle) {
    if (middle >= n) return false;
    const std::optional<PairMerge> pair = look(begin, middle, next[middle]);
    if (pair) heap.push_back({pair->priority, begin, middle, next[middle], pair->symbol});
    return pair.has_value();
  };
  for (uint32_t i = 0; i < n; ++i) {
    next[i] = i + 1;
    previous[i] = i - 1;
  }
  for (uint32_t i = 0; i < n; ++i) consider(i, i + 1);
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    const Candidate best = heap.front();
    std::pop_heap(heap.begin(), heap.end(), later);
    heap.pop_back();
    if (next[best.begin] != best.middle || next[best.middle] != best.end) continue;  // one of them was merged meanwhile
    symbols[best.begin] = best.symbol;
    next[best.begin] = best.end;
    next[best.middle] = kGone;
    if (best.end < n) previous[best.end] = best.begin;
    if (best.begin > 0 && consider(previous[best.begin], best.begin)) std::push_heap(heap.begin(), heap.end(), later);
    if (consider(best.begin, best.end)) std::push_heap(heap.begin(), heap.end(), later);
  }
}

}  // namespace lemma
