#include "kernels/cpu/cpu_backend.h"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/api/op_check.h"
#include "kernels/cpu/cpu_features.h"
#include "kernels/cpu/program.h"
#include "kernels/cpu/targets.h"
#include "kernels/cpu/thread_team.h"

namespace lemma {
namespace cpu {
namespace {

// Zero pages that take no memory until they are written.
class Memory {
 public:
  Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { reset(); }

  bool allocate(uint64_t bytes, bool addressesOnly = false) {
    reset();
    const int access = addressesOnly ? PROT_NONE : PROT_READ | PROT_WRITE;
    void* p = mmap(nullptr, bytes, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return false;
    data_ = static_cast<std::byte*>(p);
    bytes_ = bytes;
    if (bytes >= (1u << 21)) madvise(p, bytes, MADV_HUGEPAGE);  // a wish; refusing it costs nothing
    return true;
  }
  std::byte* data() const { return data_; }
  uint64_t bytes() const { return bytes_; }

 private:
  void reset() {
    if (data_) munmap(data_, bytes_);
    data_ = nullptr;
    bytes_ = 0;
  }

  std::byte* data_ = nullptr;
  uint64_t bytes_ = 0;
};

int usableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, int(std::thread::hardware_concurrency()));
}

constexpr int kMostThreads = 1024;

struct Job {
  uint64_t fence = 0;
  CpuProgram* program = nullptr;  // null: a copy
  StepData step;
  const CancelFlag* cancel = nullptr;
  TensorView dst, src;
};

// Takes memory whole where it is used first, on the node of the thread that uses it, so that what a model takes does
// not depend on which thread came to which piece of work.
void touch(std::byte* memory, size_t& untouched) {
  if (untouched > 0) std::memset(memory, 0, untouched);
  untouched = 0;
}

// Threads go through a program's phases in step: chunks by one counter, a barrier after each phase.
class Runner {
 public:
  // Either flag cuts the work short.
  Runner(CpuProgram& program, const Run& run, const CancelFlag& cancel, const CancelFlag& ending,
         std::span<Worker> workers, WorkCount* work)
      : program_(program), run_(run), cancel_(cancel), ending_(ending), workers_(workers), count_(work) {}

  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

  static void work(void* self, int index) { static_cast<Runner*>(self)->work(index); }

 private:
  void work(int index) {
    Worker& worker = workers_[size_t(index)];
    worker.prepared = -1;
    touch(worker.scratch, worker.untouched);
    uint32_t passed = 0;
    for (const PhasePtr& phase : program_.phases) {
      const int chunks = phase->chunks(run_);
      if (chunks == 0) continue;
      for (;;) {
        const int chunk = next_.fetch_add(1, std::memory_order_relaxed);
        if (chunk >= chunks) break;
        if (cancel_.load(std::memory_order_relaxed) || ending_.load(std::memory_order_relaxed)) {
          cancelled_.store(true, std::memory_order_relaxed);
          break;
        }
        phase->run(run_, chunk, worker);
        if (count_) count_->add(index);
      }
      ++passed;
      if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == run_.threads) {
        arrived_.store(0, std::memory_order_relaxed);
        next_.store(0, std::memory_order_relaxed);
        stop_ = cancelled();
        passed_.store(passed, std::memory_order_release);
      } else {
        for (Spinner spin; passed_.load(std::memory_order_acquire) != passed;) spin.once();
      }
      if (stop_) return;
    }
  }

  CpuProgram& program_;
  const Run& run_;
  const CancelFlag& cancel_;
  const CancelFlag& ending_;
  std::span<Worker> workers_;
  WorkCount* const count_;
  alignas(64) std::atomic<int> next_{0};
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<uint32_t> passed_{0};
  bool stop_ = false;  // published by passed_
  std::atomic<bool> cancelled_{false};
};

void copyRows(const TensorView& dst, const TensorView& src) {
  const uint64_t bytes = rowBytes(src.type, src.ne[0]).value_or(0);
  for (int64_t c = 0; c < src.ne[3]; ++c) {
    for (int64_t b = 0; b < src.ne[2]; ++b) {
      for (int64_t a = 0; a < src.ne[1]; ++a) {
        std::memmove(dst.data() + a * dst.nb[1] + b * dst.nb[2] + c * dst.nb[3],
                     src.data() + a * src.nb[1] + b * src.nb[2] + c * src.nb[3], bytes);
      }
    }
  }
}

class CpuBackend final : public Backend {
 public:
  CpuBackend(const BackendOptions& options, const Target& target, int threads, int promptThreads)
      : id_(options.id),
        target_(target),
        threads_(threads),
        promptThreads_(promptThreads),
        count_(options.work),
        team_(std::max(threads, promptThreads)),
        workers_(size_t(team_.size())),
        workerMemory_(size_t(team_.size())),
        leader_([this] { lead(); }) {}

  ~CpuBackend() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    pending_.fetch_add(1, std::memory_order_release);
    queued_.notify_all();
    leader_.join();
  }

  DeviceInfo info() const override {
    return {.id = id_,
            .name = "cpu (" + std::string(target_.name) + ")",
            .description = cpuBrand(),
            .memoryBytes = uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE)),
            .threads = threads_,
            .promptThreads = promptThreads_};
  }

  Support supports(const Op& op) const override {
    if (!checkOp(op)) return Support::no;
    const auto fast = [&](Type type) { return cpu::formatOf(*target_.kernels, type, 0) != nullptr; };
    bool all = true;
    if (op.kind == OpKind::matMul) all = fast(op.in[1].type);
    if (op.kind == OpKind::moeFfn) {
      for (const auto& set : op.experts) all = all && fast(set->experts.front().type);
    }
    return all ? Support::fast : Support::yes;
  }

  Result<BufferRef> alloc(uint64_t bytes, Space space, Usage usage) override {
    if (space != Space::host && space != Space::pinned) {
      return fail(Err::badValue, "the cpu backend allocates host memory only");
    }
    auto memory = std::make_unique<Memory>();
    if (!memory->allocate(std::max<uint64_t>(bytes, 1), usage == Usage::addresses)) {
      return fail(Err::outOfMemory, "no memory for a buffer of " + std::to_string(bytes) + " bytes");
    }
    BufferRef buf{
        .dev = id_, .space = Space::host, .id = nextBuffer_++, .bytes = memory->bytes(), .host = memory->data()};
    buffers_.emplace(buf.id, std::move(memory));
    return buf;
  }

  void release(const BufferRef& buf) override { buffers_.erase(buf.id); }

  uint64_t workBytes() const override {
    uint64_t bytes = shared_.bytes();
    for (const Memory& memory : workerMemory_) bytes += memory.bytes();
    return bytes;
  }

  Result<TensorView> prepare(const TensorView& file) override { return file; }

  Result<std::unique_ptr<Program>> compile(std::span<const Op> ops, RowBucket bucket) override {
    LEMMA_TRY(program, compileProgram(ops, bucket, *target_.kernels));
    program->owner = this;
    LEMMA_CHECK(reserve(*program));
    return std::unique_ptr<Program>(std::move(program));
  }

  Result<Fence> submit(Program& program, const StepData& step, std::span<const Fence>,
                       const CancelFlag& cancel) override {
    auto& p = static_cast<CpuProgram&>(program);
    if (p.owner != this) return fail(Err::badValue, "a program runs only on the backend that compiled it");
    LEMMA_CHECK(p.check(step));
    return enqueue({.program = &p, .step = step, .cancel = &cancel});
  }

  Result<Fence> copy(const TensorView& dst, const TensorView& src, std::span<const Fence>) override {
    if (dst.type != src.type || dst.ne != src.ne) return fail(Err::badValue, "copy: the views differ in type or shape");
    return enqueue({.dst = dst, .src = src});
  }

  Result<void> wait(Fence fence, Deadline deadline) override {
    std::unique_lock lock(mutex_);
    const auto done = [&] { return done_ >= fence.value; };
    if (deadline == kNoDeadline) {
      ended_.wait(lock, done);
    } else if (!ended_.wait_until(lock, deadline, done)) {
      return fail(Err::tooLarge, "the work did not end before its deadline");
    }
    for (const Unfinished& u : unfinished_) {
      if (u.fence == fence.value && u.fence != 0) return tl::unexpected(u.why);
    }
    return {};
  }

 private:
  static constexpr size_t kQueue = 64;       // jobs that may wait
  static constexpr size_t kRemembered = 64;  // jobs that did not end well and that wait() still knows

  struct Unfinished {
    uint64_t fence = 0;
    Error why;
  };

  // Memory for the largest program so far. Waits until nothing runs: programs share it.
  Result<void> reserve(const CpuProgram& program) {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return done_ == lastFence_; });
    const auto grow = [](Memory& memory, uint64_t bytes, size_t& untouched) {
      if (memory.bytes() >= bytes) return true;
      if (!memory.allocate((bytes + 4095) / 4096 * 4096)) return false;
      untouched = memory.bytes();
      return true;
    };
    bool fits = grow(shared_, program.sharedBytes + 64, sharedUntouched_);
    for (size_t i = 0; i < workers_.size(); ++i) {
      fits = fits && grow(workerMemory_[i], program.workerBytes + 64, workers_[i].untouched);
      workers_[i].scratch = workerMemory_[i].data();
    }
    if (!fits) return fail(Err::outOfMemory, "no memory for the work space of a program");
    return {};
  }

  Result<Fence> enqueue(const Job& job) {
    Fence fence;
    {
      const std::lock_guard lock(mutex_);
      if (queueSize_ == kQueue) return fail(Err::tooLarge, "too many steps wait for the cpu backend");
      Job& slot = queue_[(queueHead_ + queueSize_++) % kQueue];
      slot = job;
      slot.fence = fence.value = ++lastFence_;
    }
    pending_.fetch_add(1, std::memory_order_release);
    queued_.notify_one();
    return fence;
  }

  // The leader's thread: jobs in order, each with the team.
  void lead() {
    for (uint32_t seen = 0;;) {
      // Between two tokens the next step comes soon: look for it a while before sleeping.
      for (Spinner spin; pending_.load(std::memory_order_acquire) == seen && spin.spins() < kLookFor;) spin.once();
      Job job;
      {
        std::unique_lock lock(mutex_);
        queued_.wait(lock, [&] { return ending_ || queueSize_ > 0; });
        if (ending_) return;
        job = queue_[queueHead_];
      }
      ++seen;
      Result<void> performed = perform(job);
      {
        const std::lock_guard lock(mutex_);
        queueHead_ = (queueHead_ + 1) % kQueue;
        --queueSize_;
        done_ = job.fence;
        if (!performed) unfinished_[unfinishedNext_++ % kRemembered] = {job.fence, std::move(performed.error())};
      }
      ended_.notify_all();
    }
  }

  Result<void> perform(const Job& job) {
    if (!job.program) {
      copyRows(job.dst, job.src);
      return {};
    }
    const auto cancelled = [] { return fail(Err::cancelled, "the work was cancelled"); };
    if (job.cancel->load(std::memory_order_relaxed)) return cancelled();
    CpuProgram& p = *job.program;
    Run run{
        .step = &job.step, .threads = job.step.rows > kFewRows ? promptThreads_ : threads_, .shared = shared_.data()};
    if (p.tiledHeads > 0) run.tileCount = cutTiles(p, job.step, run.threads);
    run.tiles = p.tiles.data();
    touch(shared_.data(), sharedUntouched_);
    Runner runner(p, run, *job.cancel, ending_, workers_, count_);
    team_.run(run.threads, Runner::work, &runner);
    if (p.source) LEMMA_CHECK(p.source->takeFailure());
    if (runner.cancelled()) return cancelled();
    return {};
  }

  // A tile's rows share one conversion of the cache, so they are as many as leave every thread four chunks.
  static int cutTiles(CpuProgram& p, const StepData& step, int threads) {
    const int most = std::clamp(step.rows * p.tiledHeads / (4 * threads), kMinQueryTile, kQueryTile);
    int count = 0;
    for (int r = 0; r < step.rows; ++r) {
      if (count > 0) {
        QueryTile& tile = p.tiles[size_t(count - 1)];
        if (tile.rows < most && step.seqOfRow[r] == step.seqOfRow[tile.row] &&
            step.pos[r] == step.pos[tile.row] + tile.rows) {
          ++tile.rows;
          continue;
        }
      }
      p.tiles[size_t(count++)] = {r, 1};
    }
    return count;
  }

  static constexpr int kLookFor = 4000;

  const DeviceId id_;
  const Target target_;
  const int threads_, promptThreads_;
  WorkCount* const count_;
  uint32_t nextBuffer_ = 1;
  std::map<uint32_t, std::unique_ptr<Memory>> buffers_;

  ThreadTeam team_;                   // run by the leader
  std::vector<Worker> workers_;       // changed only while nothing runs
  std::vector<Memory> workerMemory_;  // likewise
  Memory shared_;                     // likewise
  size_t sharedUntouched_ = 0;        // bytes of it, where nothing ran since it was allocated

  std::atomic<uint32_t> pending_{0};  // jobs ever queued
  std::mutex mutex_;
  std::condition_variable queued_, ended_;
  std::array<Job, kQueue> queue_;                   // by mutex_
  size_t queueHead_ = 0, queueSize_ = 0;            // by mutex_
  uint64_t lastFence_ = 0, done_ = 0;               // by mutex_
  std::array<Unfinished, kRemembered> unfinished_;  // by mutex_
  size_t unfinishedNext_ = 0;                       // by mutex_
  CancelFlag ending_{false};                        // written by mutex_
  std::thread leader_;                              // last: it uses the members above
};

}  // namespace
}  // namespace cpu

Result<std::unique_ptr<Backend>> makeCpuBackend(const BackendOptions& options) {
  const auto targets = cpu::runnableTargets();
  if (targets.empty()) return fail(Err::unsupported, "the cpu backend needs a processor with SSE4.2 or ASIMD");
  const cpu::Target* target = &targets.back();
  if (!options.target.empty()) {
    target = nullptr;
    for (const cpu::Target& t : targets) {
      if (t.name == options.target) target = &t;
    }
    if (!target) return fail(Err::unsupported, "this machine cannot run the cpu target " + options.target);
  }
  if (options.threads < 0 || options.promptThreads < 0 ||
      std::max(options.threads, options.promptThreads) > cpu::kMostThreads) {
    return fail(Err::badValue, "the number of threads is outside 0.." + std::to_string(cpu::kMostThreads));
  }
  const int threads = options.threads > 0 ? options.threads : cpu::usableCores();
  const int promptThreads = options.promptThreads > 0 ? options.promptThreads : threads;
  return std::make_unique<cpu::CpuBackend>(options, *target, threads, promptThreads);
}

std::unique_ptr<Backend> makeCpuBackend(const cpu::Target& target, int threads) {
  return std::make_unique<cpu::CpuBackend>(BackendOptions{}, target, threads, threads);
}

std::span<const std::string_view> cpuTargets() {
  struct Names {
    std::array<std::string_view, 8> names;
    size_t count = 0;
    Names() {
      for (const cpu::Target& t : cpu::runnableTargets()) names[count++] = t.name;
    }
  };
  static const Names names;
  return {names.names.data(), names.count};
}

}  // namespace lemma
