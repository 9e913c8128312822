#include "kernels/ref/reference_backend.h"

#include <sys/mman.h>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/api/op_check.h"
#include "kernels/ref/ops.h"

namespace lemma {
namespace {

struct ReferenceProgram final : Program {
  std::vector<Op> ops;
  RowBucket bucket;
};

class ReferenceBackend final : public Backend {
 public:
  explicit ReferenceBackend(const BackendOptions& options)
      : id_(options.id), count_(options.work), worker_([this] { work(); }) {}

  ~ReferenceBackend() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      queue_.clear();
    }
    changed_.notify_all();
    worker_.join();
    for (const auto& [id, buf] : buffers_) munmap(buf.host, buf.bytes);
  }

  DeviceInfo info() const override {
    return {.id = id_, .name = "reference", .description = "scalar code, one thread, exact sums"};
  }

  Support supports(const Op& op) const override { return checkOp(op) ? Support::yes : Support::no; }

  Result<BufferRef> alloc(uint64_t bytes, Space space, Usage usage) override {
    if (space == Space::mapped) return fail(Err::badValue, "the reference backend does not allocate mapped memory");
    BufferRef buf{.dev = id_, .space = Space::host, .id = nextBuffer_, .bytes = std::max<uint64_t>(bytes, 1)};
    // Fresh pages are zero and take no memory until they are written.
    const int access = usage == Usage::addresses ? PROT_NONE : PROT_READ | PROT_WRITE;
    void* memory = mmap(nullptr, buf.bytes, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
      return fail(Err::outOfMemory, "no memory for a buffer of " + std::to_string(bytes) + " bytes");
    buf.host = static_cast<std::byte*>(memory);
    ++nextBuffer_;
    buffers_.emplace(buf.id, buf);
    return buf;
  }

  void release(const BufferRef& buf) override {
    const auto it = buffers_.find(buf.id);
    if (it == buffers_.end()) return;
    munmap(it->second.host, it->second.bytes);
    buffers_.erase(it);
  }

  Result<TensorView> prepare(const TensorView& file) override { return file; }

  Result<std::unique_ptr<Program>> compile(std::span<const Op> ops, RowBucket bucket) override {
    for (const Op& op : ops) LEMMA_CHECK(checkOp(op));
    auto program = std::make_unique<ReferenceProgram>();
    program->ops.assign(ops.begin(), ops.end());
    program->bucket = bucket;
    return program;
  }

  Result<Fence> submit(Program& program, const StepData& step, std::span<const Fence> after,
                       const CancelFlag& cancel) override {
    const auto& p = static_cast<const ReferenceProgram&>(program);
    if (step.rows > p.bucket.rows || step.wanted > p.bucket.wanted) {
      return fail(Err::badValue, "a step has more rows than its program was compiled for");
    }
    return enqueue(after, [this, &p, step, &cancel]() -> Result<void> {
      for (const Op& op : p.ops) {
        LEMMA_CHECK(ref::run(op, step, cancel));
        if (count_) count_->add();
      }
      return {};
    });
  }

  Result<Fence> copy(const TensorView& dst, const TensorView& src, std::span<const Fence> after) override {
    if (dst.type != src.type || dst.ne != src.ne) return fail(Err::badValue, "copy: the views differ in type or shape");
    return enqueue(after, [dst, src]() -> Result<void> {
      const uint64_t bytes = rowBytes(src.type, src.ne[0]).value_or(0);
      for (int64_t c = 0; c < src.ne[3]; ++c) {
        for (int64_t b = 0; b < src.ne[2]; ++b) {
          for (int64_t a = 0; a < src.ne[1]; ++a) {
            std::memmove(dst.data() + a * dst.nb[1] + b * dst.nb[2] + c * dst.nb[3],
                         src.data() + a * src.nb[1] + b * src.nb[2] + c * src.nb[3], bytes);
          }
        }
      }
      return {};
    });
  }

  Result<void> wait(Fence fence, Deadline deadline) override {
    std::unique_lock lock(mutex_);
    const auto done = [&] { return done_ >= fence.value; };
    if (deadline == kNoDeadline) {
      changed_.wait(lock, done);
    } else if (!changed_.wait_until(lock, deadline, done)) {
      return fail(Err::tooLarge, "the work did not end before its deadline");
    }
    const auto it = failed_.find(fence.value);
    if (it == failed_.end()) return {};
    return tl::unexpected(it->second);
  }

 private:
  struct Job {
    uint64_t fence = 0;
    std::vector<Fence> after;
    std::function<Result<void>()> run;
  };

  Fence enqueue(std::span<const Fence> after, std::function<Result<void>()> run) {
    const std::lock_guard lock(mutex_);
    const uint64_t fence = ++lastFence_;
    queue_.push_back({fence, {after.begin(), after.end()}, std::move(run)});
    changed_.notify_all();
    return {fence};
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return ending_ || !queue_.empty(); });
      if (ending_) return;
      const Job job = std::move(queue_.front());
      queue_.pop_front();
      Result<void> result;
      for (const Fence& f : job.after) {  // jobs run in order, so what is waited for has ended
        if (const auto it = failed_.find(f.value); it != failed_.end()) result = tl::unexpected(it->second);
      }
      if (result) {
        lock.unlock();
        result = job.run();
        lock.lock();
      }
      done_ = job.fence;
      if (!result) failed_.emplace(job.fence, result.error());
      while (failed_.size() > kFailuresKept) failed_.erase(failed_.begin());
      changed_.notify_all();
    }
  }

  static constexpr size_t kFailuresKept = 64;

  const DeviceId id_;
  WorkCount* const count_;
  uint32_t nextBuffer_ = 1;
  std::map<uint32_t, BufferRef> buffers_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;             // by mutex_
  uint64_t lastFence_ = 0;            // by mutex_
  uint64_t done_ = 0;                 // by mutex_
  std::map<uint64_t, Error> failed_;  // by mutex_; the latest few
  bool ending_ = false;               // by mutex_
  std::thread worker_;                // last: it uses the members above
};

}  // namespace

Result<std::unique_ptr<Backend>> makeReferenceBackend(const BackendOptions& options) {
  return std::make_unique<ReferenceBackend>(options);
}

}  // namespace lemma
