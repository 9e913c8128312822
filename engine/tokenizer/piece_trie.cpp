#include "engine/tokenizer/piece_trie.h"

#include <algorithm>

namespace lemma {

Result<PieceTrie> PieceTrie::build(std::vector<std::pair<std::string_view, int32_t>> pieces) {
  std::erase_if(pieces, [](const auto& p) { return p.first.empty() || p.first.size() > kLongest; });
  std::stable_sort(pieces.begin(), pieces.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  struct Open {  // the pieces of a node, which share their first bytes
    uint32_t begin, end;
  };
  PieceTrie trie;
  std::vector<Open> level{{0, uint32_t(pieces.size())}}, next;
  trie.bytes_.push_back(0);
  trie.numbers_.push_back(-1);
  for (size_t depth = 0; !level.empty(); ++depth, level.swap(next)) {
    next.clear();
    for (const Open& open : level) {
      trie.first_.push_back(uint32_t(trie.bytes_.size()));
      uint32_t i = open.begin;
      while (i < open.end && pieces[i].first.size() == depth) ++i;  // end here
      while (i < open.end) {
        const char byte = pieces[i].first[depth];
        const uint32_t begin = i;
        while (i < open.end && pieces[i].first[depth] == byte) ++i;
        if (trie.bytes_.size() >= kMostNodes) return fail(Err::tooLarge, "the pieces of the vocabulary are too long");
        trie.bytes_.push_back(uint8_t(byte));
        trie.numbers_.push_back(pieces[begin].first.size() == depth + 1 ? pieces[begin].second : -1);
        next.push_back({begin, i});
      }
    }
  }
  trie.first_.push_back(uint32_t(trie.bytes_.size()));
  return trie;
}

size_t PieceTrie::child(size_t node, uint8_t byte) const {
  const auto begin = bytes_.begin() + first_[node], end = bytes_.begin() + first_[node + 1];
  const auto it = std::lower_bound(begin, end, byte);
  return it != end && *it == byte ? size_t(it - bytes_.begin()) : 0;
}

}  // namespace lemma
