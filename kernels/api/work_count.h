// Counts pieces of work as they are done, so that somebody else sees whether anything goes on. Owner: who watches; it
// outlives the backend and the model that count. Any thread: each counts in a cell of its own, so counting costs
// nobody a wait.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace lemma {

class WorkCount {
 public:
  void add(int worker = 0) { cells_[size_t(worker) % kCells].done.fetch_add(1, std::memory_order_relaxed); }
  uint64_t total() const {
    uint64_t sum = 0;
    for (const Cell& cell : cells_) sum += cell.done.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  static constexpr size_t kCells = 64;
  struct alignas(64) Cell {
    std::atomic<uint64_t> done{0};
  };
  std::array<Cell, kCells> cells_;
};

}  // namespace lemma
