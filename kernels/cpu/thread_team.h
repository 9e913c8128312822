// Threads that work together on one thing at a time: spin while work is likely, park when it is not.
// Owner and only caller of run(): one thread, the leader, which works too (as index 0). Allocates nothing after its
// constructor.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace lemma::cpu {

// Waits by turns of pausing and yielding; spins() says how long it has been.
class Spinner {
 public:
  void once();
  int spins() const { return spins_; }

 private:
  int spins_ = 0;
};

class ThreadTeam {
 public:
  using Work = void (*)(void* context, int index);

  explicit ThreadTeam(int size);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return int(members_.size()) + 1; }

  // work(context, i) for i in 0..count-1 (at most size()) at the same time; returns when all have returned.
  void run(int count, Work work, void* context);

 private:
  struct alignas(64) Member {
    std::atomic<uint32_t> ticket{0};
    std::thread thread;
  };

  void serve(int index);

  std::vector<std::unique_ptr<Member>> members_;
  Work work_ = nullptr;
  void* context_ = nullptr;
  bool ending_ = false;  // published by a ticket
  alignas(64) std::atomic<int> busy_{0};
};

}  // namespace lemma::cpu
