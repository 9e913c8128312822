// The one interface of every compute device. Owner: the engine's thread, which makes, calls and destroys it;
// no call is made from two threads at once, but a CancelFlag may be set from any thread.
// submit never blocks: work runs on the backend's own threads or device; wait reports errors and cancellation.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "kernels/api/op.h"
#include "kernels/api/result.h"
#include "kernels/api/tensor_view.h"

namespace lemma {

using CancelFlag = std::atomic<bool>;

enum class Support : uint8_t { no, yes, fast };

struct DeviceInfo {
  DeviceId id{};
  std::string name;         // "reference", "cpu (avx512-vnni)", ...
  std::string description;  // the maker's name of the device
  uint64_t memoryBytes = 0;
  int threads = 1;  // generation
  int promptThreads = 1;
  bool hostMemory = true;  // reads Space::host and Space::mapped directly
};

struct Fence {
  uint64_t value = 0;  // 0 = already done
};

// A compiled list of ops; made by one backend and run only by it.
class Program {
 public:
  virtual ~Program() = default;
  // Whether a run writes the outputs of that op of its list. Those that it keeps to itself need addresses, which tell
  // them apart when they are compiled, but no memory.
  virtual bool writes(size_t /*op*/) const { return true; }
};

// addresses: nobody reads or writes there. Ops of which a program keeps to itself what they make have their views in
// it.
enum class Usage : uint8_t { weights, kvCache, activations, addresses };

using Deadline = std::chrono::steady_clock::time_point;
inline constexpr Deadline kNoDeadline = Deadline::max();

class Backend {
 public:
  virtual ~Backend() = default;
  virtual DeviceInfo info() const = 0;
  virtual Support supports(const Op& op) const = 0;
  // Zeroed memory that lives until release() or the backend's end. 64-byte aligned where host-visible.
  virtual Result<BufferRef> alloc(uint64_t bytes, Space space, Usage usage) = 0;
  virtual void release(const BufferRef& buf) = 0;
  // Memory of its own that its programs share: work space, as much as the largest of them needs.
  virtual uint64_t workBytes() const { return 0; }
  // Tells the backend of a weight before the first compile that uses it; returns the view ops must use.
  // CPU: the same view (weights stay mapped); a GPU: upload or repack, asynchronous behind later submits.
  virtual Result<TensorView> prepare(const TensorView& file) = 0;
  // A backend may fuse: an output that only later ops of the list read need not be in memory after a run, unless
  // Op::outlives says so.
  virtual Result<std::unique_ptr<Program>> compile(std::span<const Op> ops, RowBucket bucket) = 0;
  virtual Result<Fence> submit(Program& program, const StepData& step, std::span<const Fence> after,
                               const CancelFlag& cancel) = 0;
  virtual Result<Fence> copy(const TensorView& dst, const TensorView& src, std::span<const Fence> after) = 0;
  // Err::cancelled where the flag cut the work short (its outputs are then undefined).
  virtual Result<void> wait(Fence fence, Deadline deadline) = 0;
};

}  // namespace lemma
