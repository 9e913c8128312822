// Runs a bound model on one or several devices. A plan says which device does which stage (embed, each layer, head);
// neighbouring stages of one device are a segment, compiled to one program. Programs are compiled once for each size
// of batch and used again; nothing is allocated for a token. Owner: the Model; the engine's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/memory/kv_pools.h"
#include "engine/models/model_arch.h"
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
           const Placement& placement, int maxRows);
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
  uint64_t bufferBytes() const { return bytes_; }  // beside the pools

 private:
  struct Segment {
    Backend* backend = nullptr;
    int firstStage = 0, lastStage = 0;
    BufferRef arena;  // activations; the residual stream lies at its start
  };
  struct Variant {  // every segment's program for one size of batch
    std::vector<std::unique_ptr<Program>> programs;
    std::span<float> logits, hidden;        // host memory, where it wants any
    TensorView deviceLogits, deviceHidden;  // copied there where the device's memory cannot be read
  };
  struct Head {
    BufferRef buffer;
    std::vector<float> host;
  };
  struct Sizes {
    uint64_t arena = 0, head = 0;
  };

  int stages() const { return hparams_.layers + 2; }
  RowBucket bucketFor(int rows, int wanted) const;
  void build(GraphBuilder& g, const Segment& s, bool withHead) const;
  Sizes sizesOf(const Segment& s, RowBucket bucket) const;
  Result<BufferRef> allocate(Backend& backend, uint64_t bytes);
  Result<TensorView> prepareWeight(Backend& backend, const TensorView& file);
  Result<Variant*> variant(RowBucket bucket);
  Result<void> passOn(const Segment& from, const Segment& to, int rows);
  TensorView residualOf(BufferRef buf, int rows) const;
  Result<void> fetch(const TensorView& device, std::byte* host);

  const ModelGraph& model_;
  const Hparams hparams_;
  const int maxRows_;
  const std::vector<std::shared_ptr<Backend>> devices_;
  std::vector<Segment> segments_;
  std::vector<Backend*> backendOfLayer_;
  KvPools pools_;
  std::unordered_map<const Backend*, std::unordered_map<const std::byte*, TensorView>> prepared_;
  std::vector<std::pair<Backend*, BufferRef>> buffers_;
  std::map<int, Head> heads_;                        // by most wanted rows
  std::map<std::pair<int, int>, Variant> variants_;  // by RowBucket
  std::vector<float> staging_;                       // the residual stream between two devices
  std::span<const float> hidden_;
  bool keepHidden_ = false;
  uint64_t bytes_ = 0;
  OnWeight onWeight_;
};

}  // namespace lemma
