#include "kernels/cpu/thread_team.h"

#include <sched.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lemma::cpu {
namespace {

constexpr int kParkAfter = 4000;  // spins, about a millisecond: longer than sampling a token takes

}  // namespace

void Spinner::once() {
  ++spins_;
#if defined(__x86_64__)
  _mm_pause();
#endif
  // Another runnable thread may be what this one waits for: at first it is given the core now and then, later always.
  if (spins_ > 1024 || spins_ % 32 == 0) sched_yield();
}

ThreadTeam::ThreadTeam(int size) {
  for (int i = 1; i < size; ++i) members_.push_back(std::make_unique<Member>());
  for (int i = 1; i < size; ++i) members_[size_t(i - 1)]->thread = std::thread([this, i] { serve(i); });
}

ThreadTeam::~ThreadTeam() {
  ending_ = true;
  for (auto& m : members_) {
    m->ticket.fetch_add(1, std::memory_order_release);
    m->ticket.notify_one();
  }
  for (auto& m : members_) m->thread.join();
}

void ThreadTeam::run(int count, Work work, void* context) {
  work_ = work;
  context_ = context;
  busy_.store(count - 1, std::memory_order_relaxed);
  for (int i = 1; i < count; ++i) {
    Member& m = *members_[size_t(i - 1)];
    m.ticket.fetch_add(1, std::memory_order_release);
    m.ticket.notify_one();
  }
  work(context, 0);
  for (Spinner spin; busy_.load(std::memory_order_acquire) != 0;) spin.once();
}

void ThreadTeam::serve(int index) {
  std::atomic<uint32_t>& ticket = members_[size_t(index - 1)]->ticket;
  for (uint32_t seen = 0;;) {
    for (Spinner spin; ticket.load(std::memory_order_acquire) == seen;) {
      spin.once();
      if (spin.spins() > kParkAfter) ticket.wait(seen, std::memory_order_acquire);
    }
    ++seen;
    if (ending_) return;
    work_(context_, index);
    busy_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace lemma::cpu
