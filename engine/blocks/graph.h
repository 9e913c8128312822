// Collects the ops of consecutive stages of a model (embed, layers, head). Model files and blocks write through it; it
// gives them activations and the KV pools, weights stay the views of the file. Owner: the Executor, while it compiles.
// Activations: {width, rows}; they are reused from stage to stage, only residual() and what the head makes live on.
#pragma once

#include <span>
#include <vector>

#include "kernels/api/op.h"

namespace lemma {

// Where a graph's views lie. Empty buffers: only sizes are asked for.
struct GraphMemory {
  BufferRef arena;                             // at least GraphBuilder::arenaBytes()
  BufferRef head;                              // at least GraphBuilder::headBytes()
  bool keepHidden = false;                     // what the head multiplies lies behind its logits
  std::span<const TensorView> kPools, vPools;  // one a layer
};

// A piece of that memory that ops write and read.
struct Activation {
  BufferRef buf;
  uint64_t off = 0, bytes = 0;  // bytes: whole cache lines
  int64_t width = 0;            // numbers in a row
  bool wanted = false;          // has rows of those that are wanted
  int stage = kEveryStage;      // in which it lives

  static constexpr int kEveryStage = -1;
};

class GraphBuilder {
 public:
  GraphBuilder(int64_t embedding, int64_t vocabulary, RowBucket bucket, const GraphMemory& memory);

  // Forgets the activations of the stage before; their memory is used again.
  void beginStage() {
    used_ = residualBytes_;
    ++stage_;
  }

  TensorView residual() const;                 // {embedding, rows}
  TensorView activation(int64_t width);        // {width, rows}, until the next stage
  TensorView wantedActivation(int64_t width);  // {width, wanted rows}, until the next stage
  TensorView hidden();                         // {embedding, wanted rows}: where the head's input belongs
  TensorView logits() const;                   // {vocabulary, wanted rows}
  TensorView ids(int64_t width);               // {width, rows} I32, likewise
  TensorView kPool(int layer) const { return poolOf(memory_.kPools, layer); }
  TensorView vPool(int layer) const { return poolOf(memory_.vPools, layer); }

  void add(const Op& op) {
    ops_.push_back(op);
    stageOfOp_.push_back(stage_);
  }

  std::span<const Op> ops() const { return ops_; }
  std::span<const int> stageOfOp() const { return stageOfOp_; }  // counted from 0
  // The residual stream first, then the logits, what is kept for hidden(), and those of each stage.
  std::span<const Activation> activations() const { return activations_; }
  uint64_t arenaBytes() const { return peak_; }
  uint64_t headBytes() const;

 private:
  TensorView place(int64_t width, bool wanted);
  uint64_t hiddenOffset() const;
  static TensorView poolOf(std::span<const TensorView> pools, int layer) {
    return pools.empty() ? TensorView{} : pools[size_t(layer)];
  }

  const int64_t embedding_, vocabulary_;
  const RowBucket bucket_;
  const GraphMemory memory_;
  uint64_t residualBytes_ = 0, used_ = 0, peak_ = 0;
  int stage_ = -1;
  std::vector<Op> ops_;
  std::vector<int> stageOfOp_;
  std::vector<Activation> activations_;
};

// Features from `from` on of rows that are wider.
TensorView columns(const TensorView& rows, int64_t from, int64_t width);

}  // namespace lemma
