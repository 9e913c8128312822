// Collects the ops of consecutive stages of a model (embed, layers, head) for one device. Model files and blocks write
// through it; it gives them activations, the device's view of weights, and the KV pools. Owner: the Executor, while
// it compiles. Activations: {width, rows}; they are reused from stage to stage, only residual() lives on.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "kernels/api/op.h"
#include "kernels/api/result.h"

namespace lemma {

// Where a graph's views lie. Empty buffers and no prepare(): only sizes are asked for.
struct GraphMemory {
  BufferRef arena;                                                    // at least GraphBuilder::arenaBytes()
  BufferRef head;                                                     // at least GraphBuilder::headBytes()
  bool keepHidden = false;                                            // what the head multiplies lies behind its logits
  std::span<const TensorView> kPools, vPools;                         // one a layer
  std::function<Result<TensorView>(const TensorView& file)> prepare;  // a weight as the device wants it
};

class GraphBuilder {
 public:
  GraphBuilder(int64_t embedding, int64_t vocabulary, RowBucket bucket, GraphMemory memory);

  // Forgets the activations of the stage before; their memory is used again.
  void beginStage() { used_ = residualBytes_; }

  TensorView residual() const;                 // {embedding, rows}
  TensorView activation(int64_t width);        // {width, rows}, until the next stage
  TensorView wantedActivation(int64_t width);  // {width, wanted rows}, until the next stage
  TensorView hidden();                         // {embedding, wanted rows}: where the head's input belongs
  TensorView logits() const;                   // {vocabulary, wanted rows}
  TensorView ids(int64_t width);               // {width, rows} I32, likewise
  TensorView weight(const TensorView& file);   // an empty view stays empty
  std::shared_ptr<const ExpertSet> experts(const std::shared_ptr<const ExpertSet>& file);
  TensorView kPool(int layer) const { return poolOf(memory_.kPools, layer); }
  TensorView vPool(int layer) const { return poolOf(memory_.vPools, layer); }

  void add(const Op& op) { ops_.push_back(op); }

  // The ops so far, or why a weight could not be prepared.
  Result<std::vector<Op>> take();
  uint64_t arenaBytes() const { return peak_; }
  uint64_t headBytes() const;

 private:
  TensorView place(int64_t width, int64_t rows);
  static TensorView poolOf(std::span<const TensorView> pools, int layer) {
    return pools.empty() ? TensorView{} : pools[size_t(layer)];
  }

  const int64_t embedding_, vocabulary_;
  const RowBucket bucket_;
  GraphMemory memory_;
  uint64_t residualBytes_ = 0, used_ = 0, peak_ = 0;
  std::vector<Op> ops_;
  Result<void> status_;
};

// Features from `from` on of rows that are wider.
TensorView columns(const TensorView& rows, int64_t from, int64_t width);

}  // namespace lemma
