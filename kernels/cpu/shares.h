// How the rows of every weight matrix are divided among NUMA nodes: each has a run of neighbours, as many as it has
// threads, and always the same. Values, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu {

constexpr int kMostNodes = 64;

class Shares {
 public:
  constexpr Shares() = default;  // one node has all
  // By the threads of each node: 1 to kMostNodes numbers, each above 0.
  explicit Shares(std::span<const int> threads) : nodes_(int(threads.size())) {
    for (size_t n = 0; n < threads.size(); ++n) before_[n + 1] = before_[n] + threads[n];
  }

  int nodes() const { return nodes_; }

  struct Range {
    int64_t begin = 0, end = 0;
  };
  // A node's share of a matrix. Rows that are multiplied together stay together.
  Range rows(int64_t count, int node) const {
    if (nodes_ == 1) return {0, count};
    return {first(count, node), first(count, node + 1)};
  }
  // Its beginning; `count` for nodes().
  int64_t first(int64_t count, int node) const { return node == nodes_ ? count : part(count, node) / kPanel * kPanel; }
  // The beginning of a node's share of things that are taken one by one.
  int64_t part(int64_t count, int node) const { return count * before_[size_t(node)] / before_[size_t(nodes_)]; }
  int nodeOfPart(int64_t count, int64_t at) const {
    int node = 0;
    while (at >= part(count, node + 1)) ++node;
    return node;
  }
  // Pieces of at most `width` rows that a node's share is cut into.
  int64_t pieces(int64_t count, int64_t width, int node) const {
    const Range r = rows(count, node);
    return (r.end - r.begin + width - 1) / width;
  }

 private:
  int nodes_ = 1;
  std::array<int32_t, kMostNodes + 1> before_{0, 1};  // threads of the nodes before
};

inline constexpr Shares kOneShare;

}  // namespace lemma::cpu
