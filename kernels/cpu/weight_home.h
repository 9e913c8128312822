// The pages of a node's rows on that node: moved there, not copied, when the rows are multiplied first. What the system
// refuses (pages that another program has mapped too, a container's rules) stays where it is and costs speed only.
// Owner: the backend, longer than its programs. of() is called by the thread that compiles, bring() by any that works.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "kernels/api/backend.h"

namespace lemma::cpu {

class WeightHomes;

// Of one matrix.
class WeightHome {
 public:
  WeightHome(const WeightHomes& all, const std::byte* data, uint64_t rowBytes);

  // Rows [first, end), a node's whole share, to it. All threads that come here at the same time move pieces; one that
  // finds nothing left to take does not wait for the others.
  void bring(int node, int64_t first, int64_t end, const CancelFlag& cancel) {
    if (int64_t(next_[size_t(node)].load(std::memory_order_relaxed)) * kPiece < bytes(first, end)) {
      bringPieces(node, first, end, cancel);
    }
  }

  static constexpr int64_t kPiece = int64_t(4) << 20;  // bytes a thread moves at a time

 private:
  int64_t bytes(int64_t first, int64_t end) const { return (end - first) * int64_t(rowBytes_); }
  void bringPieces(int node, int64_t first, int64_t end, const CancelFlag& cancel);

  const WeightHomes& all_;
  const std::byte* const data_;
  const uint64_t rowBytes_;
  const std::unique_ptr<std::atomic<uint32_t>[]> next_;  // piece of each node's share
};

class WeightHomes {
 public:
  // The system's numbers of the nodes.
  explicit WeightHomes(std::vector<int> nodes) : nodes_(std::move(nodes)) {}

  WeightHome* of(const TensorView& matrix);

 private:
  friend class WeightHome;
  const std::vector<int> nodes_;
  std::map<std::pair<const std::byte*, int64_t>, WeightHome> homes_;  // by address and rows
};

// Brings pages [begin, end) that are in memory, or can be, to a node. Refused or not: nothing else changes.
void movePages(const std::byte* begin, const std::byte* end, int node);

// Of memory that nobody has touched yet: its pages go to these nodes by turns.
void interleavePages(void* memory, uint64_t bytes, std::span<const int> nodes);

}  // namespace lemma::cpu
