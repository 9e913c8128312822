#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/experts/read_queue.h"

namespace lemma {
namespace {

class ThreadQueue final : public ReadQueue {
 public:
  explicit ThreadQueue(int depth) {
    for (int i = 0; i < depth; ++i) threads_.emplace_back([this] { serve(); });
  }

  ~ThreadQueue() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    asked_.notify_all();
    for (std::thread& t : threads_) t.join();
  }

  void submit(const DiskRead& read) override {
    {
      const std::lock_guard lock(mutex_);
      reads_.push_back(read);
    }
    asked_.notify_one();
  }

  size_t wait(std::span<DiskDone> done) override {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return woken_ || !done_.empty(); });
    woken_ = false;
    size_t count = 0;
    for (; count < done.size() && !done_.empty(); done_.pop_front()) done[count++] = done_.front();
    return count;
  }

  void wake() override {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    ended_.notify_one();
  }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      asked_.wait(lock, [&] { return ending_ || !reads_.empty(); });
      if (reads_.empty()) return;
      const DiskRead r = reads_.front();
      reads_.pop_front();
      lock.unlock();
      const ssize_t got = ::pread(r.file, r.to, r.bytes, off_t(r.offset));
      const int result = got < 0 ? -errno : int(got);
      lock.lock();
      done_.push_back({r.tag, result});
      ended_.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable asked_, ended_;
  std::deque<DiskRead> reads_;  // by mutex_
  std::deque<DiskDone> done_;   // by mutex_
  bool woken_ = false, ending_ = false;
  std::vector<std::thread> threads_;  // last: they use the members above
};

}  // namespace

std::unique_ptr<ReadQueue> makeThreadQueue(int depth) { return std::make_unique<ThreadQueue>(depth); }

}  // namespace lemma
