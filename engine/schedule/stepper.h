// Batches through an executor, and what each sequence holds in its cache. A model has one for its layers, and one more
// for the layer that drafts where that was asked for. Owner: the Model; the engine's thread.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "engine/memory/kv_cache.h"
#include "engine/model.h"
#include "engine/schedule/executor.h"

namespace lemma {

class Stepper {
 public:
  // Nothing runs where there is no executor. readsHidden: of a layer that drafts.
  Stepper(std::unique_ptr<Executor> executor, KvCache cache, const Hparams& hparams, int maxRows, bool readsHidden);

  // What forward() says of logits that nothing can be sampled from; the step is as if it had not been.
  static constexpr std::string_view kNotFinite = "the model computes numbers that are not finite";

  // `hidden` {rows, embedding}: for a layer that drafts, the model's hidden states at the rows' positions; else empty.
  Result<LogitsView> forward(const Batch& batch, std::span<const float> hidden, const CancelFlag& cancel);

  // A page of a sequence as bytes (KvPools), what lies behind the sequence's end as zeros.
  Result<void> readPage(SeqId seq, int index, std::span<std::byte> out) const;
  // Adds `tokens` positions that were read so; the sequence ends with a whole page. Err::contextFull as forward().
  Result<void> appendPage(SeqId seq, std::span<const std::byte> bytes, int tokens);

  KvCache& cache() { return cache_; }
  const KvCache& cache() const { return cache_; }
  const Executor* executor() const { return executor_.get(); }

 private:
  struct Running {
    SeqId seq{};
    int before = 0, next = 0;  // length in the cache, and with the rows so far
  };

  Result<void> readRows(const Batch& batch);
  Result<void> reserve();

  std::unique_ptr<Executor> executor_;
  KvCache cache_;
  const int vocabulary_, embedding_, maxRows_;
  const bool readsHidden_;

  // The step's arrays, kept so that a token allocates nothing.
  std::vector<Running> running_;
  std::vector<PageCopy> copies_;
  std::vector<int32_t> tokens_, seqOfRow_, pageTable_, wantedRows_;
};

}  // namespace lemma
