// Finds all pieces of a vocabulary that begin at a place of a text. Built once, then immutable; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/api/result.h"

namespace lemma {

class PieceTrie {
 public:
  static constexpr size_t kLongest = 256;  // bytes; longer pieces are never found
  static constexpr size_t kMostNodes = 1u << 24;

  // Of pieces that are the same the first in the list counts. tooLarge beyond a limit.
  static Result<PieceTrie> build(std::vector<std::pair<std::string_view, int32_t>> pieces);

  // found(bytes, number) for each piece at the begin of text, the shortest first.
  template <class Found>
  void prefixes(std::string_view text, Found&& found) const {
    size_t node = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      node = child(node, uint8_t(text[i]));
      if (node == 0) return;
      if (numbers_[node] >= 0) found(i + 1, numbers_[node]);
    }
  }

 private:
  size_t child(size_t node, uint8_t byte) const;  // 0 = none

  // Level by level: the children of node n are [first_[n], first_[n + 1]), by their bytes.
  std::vector<uint32_t> first_;
  std::vector<uint8_t> bytes_;
  std::vector<int32_t> numbers_;  // of the piece that ends here, -1 for none
};

}  // namespace lemma
