#include <linux/io_uring.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>

#include "engine/experts/read_queue.h"

namespace lemma {
namespace {

constexpr uint64_t kWoken = ~uint64_t(0);  // user_data of the read that wake() ends

// The kernel's side of a ring index is read and written as it writes and reads it.
unsigned acquire(unsigned* p) { return std::atomic_ref(*p).load(std::memory_order_acquire); }
void publish(unsigned* p, unsigned value) { std::atomic_ref(*p).store(value, std::memory_order_release); }

// The three mappings of a ring, used without liburing: reads and one event are all that is asked of it.
class UringQueue final : public ReadQueue {
 public:
  ~UringQueue() override {
    // The kernel writes to memory that is not ours to keep until these have ended.
    DiskDone done[16];
    while (unfinished_ > 0) (void)wait(done);
    if (entries_) ::munmap(entries_, entriesBytes_);
    if (rings_) ::munmap(rings_, ringsBytes_);
    if (ring_ >= 0) ::close(ring_);
    if (event_ >= 0) ::close(event_);
  }

  bool open(int depth) {
    io_uring_params params{};
    ring_ = int(::syscall(SYS_io_uring_setup, std::bit_ceil(unsigned(depth) + 1), &params));
    // IORING_OP_READ came with the same kernel as this feature.
    constexpr unsigned kNeeded = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_RW_CUR_POS;
    if (ring_ < 0 || (params.features & kNeeded) != kNeeded) return false;
    ringsBytes_ = std::max<size_t>(params.sq_off.array + params.sq_entries * sizeof(unsigned),
                                   params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe));
    entriesBytes_ = params.sq_entries * sizeof(io_uring_sqe);
    rings_ = static_cast<std::byte*>(map(ringsBytes_, IORING_OFF_SQ_RING));
    entries_ = static_cast<io_uring_sqe*>(map(entriesBytes_, IORING_OFF_SQES));
    event_ = ::eventfd(0, EFD_CLOEXEC);
    if (!rings_ || !entries_ || event_ < 0) return false;
    const auto at = [this](uint32_t offset) { return reinterpret_cast<unsigned*>(rings_ + offset); };
    submitTail_ = at(params.sq_off.tail);
    submitMask_ = *at(params.sq_off.ring_mask);
    submitOrder_ = at(params.sq_off.array);
    doneHead_ = at(params.cq_off.head);
    doneTail_ = at(params.cq_off.tail);
    doneMask_ = *at(params.cq_off.ring_mask);
    done_ = reinterpret_cast<io_uring_cqe*>(rings_ + params.cq_off.cqes);
    awaitWake();
    return true;
  }

  void submit(const DiskRead& r) override {
    push(r.file, r.offset, r.to, r.bytes, r.tag);
    ++unfinished_;
  }

  size_t wait(std::span<DiskDone> done) override {
    for (;;) {
      const bool some = acquire(doneTail_) != *doneHead_;
      if (pushed_ > 0 || !some) {
        const long taken =
            ::syscall(SYS_io_uring_enter, ring_, pushed_, some ? 0 : 1, IORING_ENTER_GETEVENTS, nullptr, 0);
        if (taken > 0) pushed_ -= unsigned(taken);  // else a signal or too little memory for now: once more
      }
      size_t count = 0;
      bool woken = false;
      unsigned head = *doneHead_;
      for (const unsigned tail = acquire(doneTail_); head != tail && count < done.size(); ++head) {
        const io_uring_cqe& c = done_[head & doneMask_];
        if (c.user_data == kWoken) {
          woken = true;
        } else {
          done[count++] = {uint32_t(c.user_data), c.res};
        }
      }
      publish(doneHead_, head);
      unfinished_ -= count;
      if (woken) awaitWake();
      if (count > 0 || woken) return count;
    }
  }

  void wake() override {
    const uint64_t one = 1;
    (void)!::write(event_, &one, sizeof one);  // fails only where it is awake already, 2^64 times
  }

 private:
  void* map(size_t bytes, uint64_t what) const {
    void* const p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring_, off_t(what));
    return p == MAP_FAILED ? nullptr : p;
  }

  void awaitWake() { push(event_, 0, reinterpret_cast<std::byte*>(&eventCount_), sizeof eventCount_, kWoken); }

  // There is room: entries are taken over by each enter, and no more are unfinished than the ring was made for.
  void push(int file, uint64_t offset, std::byte* to, uint32_t bytes, uint64_t data) {
    const unsigned tail = *submitTail_;
    io_uring_sqe& s = entries_[tail & submitMask_];
    s = {};
    s.opcode = IORING_OP_READ;
    s.fd = file;
    s.off = offset;
    s.addr = reinterpret_cast<uint64_t>(to);
    s.len = bytes;
    s.user_data = data;
    submitOrder_[tail & submitMask_] = tail & submitMask_;
    publish(submitTail_, tail + 1);
    ++pushed_;
  }

  int ring_ = -1, event_ = -1;
  std::byte* rings_ = nullptr;
  io_uring_sqe* entries_ = nullptr;
  size_t ringsBytes_ = 0, entriesBytes_ = 0;
  unsigned *submitTail_ = nullptr, *submitOrder_ = nullptr, *doneHead_ = nullptr, *doneTail_ = nullptr;
  unsigned submitMask_ = 0, doneMask_ = 0;
  io_uring_cqe* done_ = nullptr;
  unsigned pushed_ = 0;  // entries that the kernel has not taken over
  size_t unfinished_ = 0;
  uint64_t eventCount_ = 0;
};

}  // namespace

std::unique_ptr<ReadQueue> makeUringQueue(int depth) {
  auto queue = std::make_unique<UringQueue>();
  if (!queue->open(depth)) return nullptr;
  return queue;
}

}  // namespace lemma
