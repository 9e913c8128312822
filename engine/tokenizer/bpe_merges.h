// The merges of a byte-pair model, by rank, and the merging of a word's symbols: n log n in their number.
// Filled by add() and index(), then immutable; any thread.
#pragma once

#include <cstdint>
#include <vector>

namespace lemma {

class BpeMerges {
 public:
  // The next merge by rank: tokens left and right become merged.
  void add(int32_t left, int32_t right, int32_t merged) { added_.push_back({left, right, ranks_++, merged}); }
  // A merge that cannot happen keeps its rank.
  void skip() { ++ranks_; }
  void index(int vocabulary);  // after the last merge

  // Merges symbols, tokens of the vocabulary or below 0, until no two neighbours merge.
  void apply(std::vector<int32_t>& symbols) const;

 private:
  struct Merge {
    int32_t left, right;
    uint32_t rank;
    int32_t merged;
  };
  struct MergeOfLeft {
    int32_t right;
    uint32_t rank;
    int32_t merged;
  };
  const MergeOfLeft* find(int32_t left, int32_t right) const;  // null = the two do not merge
  void applyShort(std::vector<int32_t>& symbols) const;
  void applyLong(std::vector<int32_t>& symbols) const;

  // By left symbol, then right: those of symbol s are [first_[s], first_[s + 1]). Half the memory of a hash table, and
  // no file can make it slow.
  std::vector<uint32_t> first_;
  std::vector<MergeOfLeft> merges_;
  std::vector<Merge> added_;  // until index()
  uint32_t ranks_ = 0;
};

}  // namespace lemma
