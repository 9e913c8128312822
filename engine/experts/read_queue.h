// Many reads of files at the same time: through io_uring where the system permits it, else by a few threads.
// Owner and only caller: one thread, but wake() may be called from any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace lemma {

struct DiskRead {
  int file = -1;  // descriptor
  uint64_t offset = 0;
  std::byte* to = nullptr;
  uint32_t bytes = 0;
  uint32_t tag = 0;
};

struct DiskDone {
  uint32_t tag = 0;
  int result = 0;  // bytes that were read, or an errno below zero
};

class ReadQueue {
 public:
  // Waits for what is unfinished.
  virtual ~ReadQueue() = default;
  // At most as many unfinished ones as the queue was made for. They begin with the next wait() at the latest.
  virtual void submit(const DiskRead& read) = 0;
  // Blocks until at least one read has ended or wake() was called since the last return. Returns how many of `done` it
  // filled, 0 too.
  virtual size_t wait(std::span<DiskDone> done) = 0;
  virtual void wake() = 0;
};

// Null where the system has no io_uring, or does not let this process use it.
std::unique_ptr<ReadQueue> makeUringQueue(int depth);
std::unique_ptr<ReadQueue> makeThreadQueue(int depth);

}  // namespace lemma
