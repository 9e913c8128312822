#include "kernels/cpu/cpu_backend.h"

#include <pthread.h>
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
#include "kernels/cpu/runner.h"
#include "kernels/cpu/targets.h"
#include "kernels/cpu/thread_team.h"
#include "kernels/cpu/topology.h"
#include "kernels/cpu/weight_home.h"

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

constexpr int kMostThreads = 1024;

struct Job {
  uint64_t fence = 0;
  CpuProgram* program = nullptr;  // null: a copy
  StepData step;
  const CancelFlag* cancel = nullptr;
  TensorView dst, src;
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

// Which node each thread belongs to, where the threads that generate are on more than one.
struct Placement {
  std::vector<std::vector<int>> processors;  // a thread may run on; empty: threads run anywhere
  std::vector<int> memory;                   // the system's numbers of the nodes with shares
  std::vector<int> nodeOfThread;             // index of one of these
  Shares shares;
};

Placement place(const Topology& topology, int threads, int promptThreads) {
  const std::vector<int> plan = planThreads(topology, std::max(threads, promptThreads));
  std::vector<int> indexOf(topology.nodes.size(), -1), memory, count;
  for (size_t n = 0; n < topology.nodes.size(); ++n) {
    const auto here = std::count(plan.begin(), plan.begin() + threads, int(n));
    if (here == 0) continue;
    indexOf[n] = int(memory.size());
    memory.push_back(topology.nodes[n].memory);
    count.push_back(int(here));
  }
  if (memory.size() < 2 || memory.size() > size_t(kMostNodes)) return {};
  Placement p{.memory = std::move(memory), .shares = Shares(count)};
  for (size_t i = 0; i < plan.size(); ++i) {
    // Threads of prompts may be on nodes that have no share.
    const int index = indexOf[size_t(plan[i])];
    p.nodeOfThread.push_back(index >= 0 ? index : int(i % p.memory.size()));
    p.processors.push_back(topology.nodes[size_t(plan[i])].processors);
  }
  return p;
}

// The calling thread on these alone; where the system says no it runs where it likes.
void bindThread(const std::vector<int>& processors) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int p : processors) {
    if (p < CPU_SETSIZE) CPU_SET(p, &set);
  }
  (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

class CpuBackend final : public Backend {
 public:
  CpuBackend(const BackendOptions& options, const Target& target, const Topology& topology, int threads,
             int promptThreads)
      : id_(options.id),
        target_(target),
        threads_(threads),
        promptThreads_(promptThreads),
        count_(options.work),
        placement_(place(topology, threads, promptThreads)),
        homes_(placement_.memory),
        counters_(size_t(placement_.shares.nodes())),
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
    if (usage == Usage::kvCache || usage == Usage::activations) spread(*memory);
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
    LEMMA_TRY(program, compileProgram(ops, bucket, *target_.kernels, manyNodes() ? &homes_ : nullptr));
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

  bool manyNodes() const { return placement_.shares.nodes() > 1; }

  // Of what all threads read and write, no node shall bear the whole load.
  void spread(const Memory& memory) const {
    if (manyNodes() && memory.data()) interleavePages(memory.data(), memory.bytes(), placement_.memory);
  }

  static void bind(void* self, int index) {
    bindThread(static_cast<CpuBackend*>(self)->placement_.processors[size_t(index)]);
  }

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
    spread(shared_);
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
    if (manyNodes()) team_.run(team_.size(), bind, this);
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
    run.shares = &placement_.shares;
    run.cancel = job.cancel;
    if (p.tiledHeads > 0) run.tileCount = cutTiles(p, job.step, run.threads);
    run.tiles = p.tiles.data();
    touch(shared_.data(), sharedUntouched_);
    Runner runner(p.phases, run, *job.cancel, ending_, workers_, counters_, placement_.nodeOfThread, count_);
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
  const Placement placement_;
  WeightHomes homes_;
  std::vector<ChunkCounter> counters_;  // one a node
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
  return makeCpuBackend(options, cpu::machineTopology());
}

Result<std::unique_ptr<Backend>> makeCpuBackend(const BackendOptions& options, const cpu::Topology& topology) {
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
  const int threads =
      options.threads > 0 ? options.threads : std::min(cpu::defaultThreads(topology), cpu::kMostThreads);
  const int promptThreads = options.promptThreads > 0 ? options.promptThreads : threads;
  return std::make_unique<cpu::CpuBackend>(options, *target, topology, threads, promptThreads);
}

std::unique_ptr<Backend> makeCpuBackend(const cpu::Target& target, int threads) {
  return std::make_unique<cpu::CpuBackend>(BackendOptions{}, target, cpu::machineTopology(), threads, threads);
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
