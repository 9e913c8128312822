// One run of a program's phases by a team of threads, in step: chunks by an atomic counter, a barrier after each phase.
// Of phases that read weights each NUMA node has a counter of its own; a thread goes to those of other nodes when its
// own has nothing left. Made by the leader for a run; work() is called by each thread once. Allocates nothing.
#pragma once

#include <atomic>
#include <span>

#include "kernels/api/backend.h"
#include "kernels/api/work_count.h"
#include "kernels/cpu/phase.h"

namespace lemma::cpu {

// The next chunk of a node; 0 before and after a run.
struct alignas(64) ChunkCounter {
  std::atomic<int> next{0};
};

class Runner {
 public:
  // Either flag cuts the work short. `counters` are as many as run.shares has nodes; `nodes` says whose chunks each
  // thread begins with, and is not read where there is one.
  Runner(std::span<const PhasePtr> phases, const Run& run, const CancelFlag& cancel, const CancelFlag& ending,
         std::span<Worker> workers, std::span<ChunkCounter> counters, std::span<const int> nodes, WorkCount* work)
      : phases_(phases),
        run_(run),
        cancel_(cancel),
        ending_(ending),
        workers_(workers),
        counters_(counters),
        nodes_(nodes),
        count_(work) {}

  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

  static void work(void* self, int index) { static_cast<Runner*>(self)->work(index); }

 private:
  void work(int index);
  void takeByNode(const Phase& phase, int index);
  void take(const Phase& phase, ChunkCounter& counter, int first, int end, int index);

  std::span<const PhasePtr> phases_;
  const Run& run_;
  const CancelFlag& cancel_;
  const CancelFlag& ending_;
  std::span<Worker> workers_;
  std::span<ChunkCounter> counters_;
  std::span<const int> nodes_;
  WorkCount* const count_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> passed_{0};
  bool stop_ = false;  // published by passed_
  std::atomic<bool> cancelled_{false};
};

// Takes memory whole where it is used first, on the node of the thread that uses it, so that what a model takes does
// not depend on which thread came to which piece of work.
void touch(std::byte* memory, size_t& untouched);

}  // namespace lemma::cpu
