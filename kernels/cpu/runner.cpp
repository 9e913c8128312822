#include "kernels/cpu/runner.h"

#include <cstring>

#include "kernels/cpu/thread_team.h"

namespace lemma::cpu {

void touch(std::byte* memory, size_t& untouched) {
  if (untouched > 0) std::memset(memory, 0, untouched);
  untouched = 0;
}

void Runner::work(int index) {
  Worker& worker = workers_[size_t(index)];
  worker.prepared = -1;
  touch(worker.scratch, worker.untouched);
  uint32_t passed = 0;
  for (const PhasePtr& phase : phases_) {
    const int chunks = phase->chunks(run_);
    if (chunks == 0) continue;
    if (counters_.size() == 1 || !phase->byNode()) {
      take(*phase, counters_[0], 0, chunks, index);
    } else {
      takeByNode(*phase, index);
    }
    ++passed;
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == run_.threads) {
      arrived_.store(0, std::memory_order_relaxed);
      for (ChunkCounter& c : counters_) c.next.store(0, std::memory_order_relaxed);
      stop_ = cancelled();
      passed_.store(passed, std::memory_order_release);
    } else {
      for (Spinner spin; passed_.load(std::memory_order_acquire) != passed;) spin.once();
    }
    if (stop_) return;
  }
}

void Runner::takeByNode(const Phase& phase, int index) {
  const int nodes = int(counters_.size());
  for (int i = 0; i < nodes && !cancelled(); ++i) {
    const int node = (nodes_[size_t(index)] + i) % nodes;
    take(phase, counters_[size_t(node)], phase.firstChunk(run_, node), phase.firstChunk(run_, node + 1), index);
  }
}

void Runner::take(const Phase& phase, ChunkCounter& counter, int first, int end, int index) {
  for (;;) {
    const int chunk = first + counter.next.fetch_add(1, std::memory_order_relaxed);
    if (chunk >= end) return;
    if (cancel_.load(std::memory_order_relaxed) || ending_.load(std::memory_order_relaxed)) {
      cancelled_.store(true, std::memory_order_relaxed);
      return;
    }
    phase.run(run_, chunk, workers_[size_t(index)]);
    if (count_) count_->add(index);
  }
}

}  // namespace lemma::cpu
