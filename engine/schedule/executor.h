// Runs a bound model on one or several devices. A placement says which device does which op; ops of one device that
// follow each other are a run, compiled to one program. Programs are compiled once for each size of batch and used
// again; nothing is allocated for a token. Owner: the Model; the engine's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/memory/kv_pools.h"
#include "engine/models/model_arch.h"
#include "engine/schedule/pass_plan.h"
#include "engine/schedule/placement.h"
#include "kernels/api/backend.h"

namespace lemma {

class Executor {
 public:
  // Up to so many rows a program is compiled (and its kernels chosen) for generation; results of a row are the same
  // bits for any number of rows up to it.
  static constexpr int kFewRows = 8;

  // `model` and what it is bound to must outlive the executor.
  Executor(const ModelGraph& model, const Hparams& hparams, std::vector<std::shared_ptr<Backend>> devices,
           Placement placement, int maxRows);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Told the bytes of each weight when a device has it; an error ends the preparation.
  using OnWeight = std::function<Result<void>(uint64_t bytes)>;

  // Allocates the cache and compiles what generation needs. keepHidden: hidden() is wanted.
  Result<void> prepare(const KvLayout& layout, const OnWeight& onWeight = {}, bool keepHidden = false);

  // Runs one step of at most maxRows rows. Logits {wanted, vocabulary} live until the next run. `residual` {rows,
  // embedding} is what the residual stream holds before the first stage, for a graph that reads it there.
  // Err::cancelled where the flag was set: what the step wrote to the cache is then undefined.
  Result<std::span<float>> run(const StepData& step, const CancelFlag& cancel, std::span<const float> residual = {});
  // What the head was given in the last run: {wanted, embedding}, behind the final norm.
  std::span<const float> hidden() const { return hidden_; }

  Result<void> copyPages(std::span<const PageCopy> copies) { return pools_.copyPages(copies); }
  KvPools& pools() { return pools_; }
  const KvPools& pools() const { return pools_; }
  std::vector<DeviceInfo> devices() const;
  // Beside the pools, all of it written by passes of maxRows rows. More than kFewRows wanted rows take more.
  uint64_t bufferBytes() const { return bytes_; }

 private:
  // Where a device has the activations of a pass.
  struct Layout {
    std::vector<bool> inMemory;  // others are kept to themselves by its programs, and only have addresses
    std::vector<uint64_t> offset;
    uint64_t arena = 0, addresses = 0, head = 0;  // bytes
  };
  struct Memory {  // of a device
    BufferRef arena, addresses, head;
  };
  struct Variant {  // the programs of one size of batch
    PassPlan plan;
    std::vector<Layout> layouts;                     // of each device
    std::vector<Memory> memory;                      // likewise
    std::vector<std::unique_ptr<Program>> programs;  // of each run
    std::span<float> logits, hidden;                 // host memory, where it wants any
    TensorView deviceLogits, deviceHidden;           // copied there where the device's memory cannot be read
  };
  struct Head {
    std::map<int, BufferRef> buffers;  // of each device that needs one
    std::vector<float> host;
  };

  RowBucket bucketFor(int rows, int wanted) const;
  Result<PassPlan> planFor(RowBucket bucket) const;
  Layout layOut(const PassPlan& plan, std::vector<bool> inMemory) const;
  Result<std::vector<Layout>> settle(const PassPlan& plan, RowBucket bucket);
  std::vector<std::vector<bool>> written(const PassPlan& plan,
                                         std::span<const std::unique_ptr<Program>> programs) const;
  Result<std::vector<std::unique_ptr<Program>>> compile(const PassPlan& plan, std::span<const Layout> layouts,
                                                        std::span<const Memory> memory, RowBucket bucket);
  Result<void> bind(Op& op, int stage, const PassPlan& plan, const Layout& layout, const Memory& memory,
                    Backend& backend);
  Result<BufferRef> allocate(Backend& backend, uint64_t bytes, Usage usage);
  Result<TensorView> prepareWeight(Backend& backend, const TensorView& file);
  Result<Variant*> variant(RowBucket bucket);
  Result<void> build(Variant& v, RowBucket bucket);
  void showHead(Variant& v, Head& head, RowBucket bucket) const;
  Result<void> move(const Variant& v, const PassPlan::Move& m, const StepData& step);
  TensorView viewOf(const Variant& v, size_t activation, int device, int rows) const;
  Result<void> fetch(const TensorView& device, int lastDevice, std::byte* host);

  const ModelGraph& model_;
  const Hparams hparams_;
  const Placement placement_;
  const int maxRows_;
  const std::vector<std::shared_ptr<Backend>> devices_;
  KvPools pools_;
  std::unordered_map<const Backend*, std::unordered_map<const std::byte*, TensorView>> prepared_;
  std::vector<std::pair<Backend*, BufferRef>> buffers_;
  std::vector<Memory> memory_;                       // of each device, for every variant that fits it
  std::map<int, Head> heads_;                        // by most wanted rows
  std::map<std::pair<int, int>, Variant> variants_;  // by RowBucket
  std::vector<float> staging_;                       // an activation between two devices
  std::span<const float> hidden_;
  bool keepHidden_ = false, hasValues_ = false;
  uint64_t bytes_ = 0;
  OnWeight onWeight_;
};

}  // namespace lemma
