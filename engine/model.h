// A loaded model: its weights (mapped), tokenizer, chat template, KV cache and compiled programs.
// Owner: the engine's thread (lemma-cli: the main thread). forward() is the only thing that computes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api/engine.h"
#include "engine/api/types.h"
#include "engine/memory/cache_shape.h"
#include "engine/memory/memory_plan.h"
#include "kernels/api/backend.h"

namespace lemma {

class Tokenizer;
class ChatTemplate;
class Stepper;
struct ModelHeader;
struct WeightPlace;
struct ExpertStats;

// One forward pass: structure of arrays; rows of several sequences may mix. Positions of a sequence follow on
// without gaps from what its cache holds.
struct Batch {
  std::vector<Token> token;
  std::vector<int32_t> pos;
  std::vector<SeqId> seq;
  std::vector<uint8_t> wantLogits;
  void clear();
  void add(Token t, int32_t p, SeqId s, bool logits);
  int size() const { return int(token.size()); }
};

struct LogitsView {
  std::span<const float> data;  // [wanted rows, vocabulary], dies at the next forward()
  int vocabulary = 0;
  std::span<const float> hidden;  // [wanted rows, embedding], what the head was given; with LoadOptions::draft only
  std::span<const float> row(int i) const { return data.subspan(size_t(i) * vocabulary, vocabulary); }
  std::span<float> mutableRow(int i) const;  // the sampler may work in place
};

class Model {
 public:
  static Result<std::unique_ptr<Model>> load(const LoadOptions& options,
                                             const std::function<void(LoadProgress)>& progress = {},
                                             std::stop_token stop = {});
  ~Model();

  const ModelInfo& info() const;
  const ModelHeader& header() const;
  const Tokenizer* tokenizer() const;                   // null where the file has none
  const std::string& withoutTokenizer() const;          // then why
  const std::string& chatTemplateSource() const;        // empty where the file has none
  WeightPlace placeOf(const TensorView& weight) const;  // no name where it is none of this model's

  // At most LoadOptions::batch rows. Reserves cache pages for new positions (Err::contextFull when none are left).
  Result<LogitsView> forward(const Batch& batch, const CancelFlag& cancel);

  // The KV cache by page table: many sequences; truncate keeps the first `length` positions, drop forgets all.
  SeqId newSequence();
  void truncate(SeqId seq, int length);
  void drop(SeqId seq);
  int length(SeqId seq) const;
  Result<SeqId> fork(SeqId seq, int length);  // a copy that shares nothing afterwards

  // What a page of the cache is; pages of models of the same shape may stand for each other.
  CacheShape cacheShape() const;
  // A page as bytes, and back: Stepper says how.
  Result<void> readPage(SeqId seq, int index, std::span<std::byte> out) const;
  Result<void> appendPage(SeqId seq, std::span<const std::byte> bytes, int tokens);

  // The layer that guesses the token after next (multi-token prediction), with sequences of its own; null where
  // LoadOptions did not ask for it or the model has none. A row at position i is the token at i + 1 beside the hidden
  // state of position i, and its logits are of the token at i + 2.
  Stepper* draft();

  // A prompt's tokens are computed to the same bits in whatever pieces of at least so many rows. 1 where so few rows
  // would cost as much as the whole context does (latent attention, whose form for prompts unfolds all of it).
  int leastPromptRows() const;

  std::vector<DeviceInfo> devices() const;
  std::optional<ExpertStats> expertStats() const;  // where experts are read from the disk
  MemoryPlan memory() const;

 private:
  Model();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lemma
