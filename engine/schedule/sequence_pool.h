// The sequences of the KV cache that the engine keeps between requests, so that a next turn, a regeneration or a
// continuation pays only for what is new. Owner: the Engine; engine thread only.
#pragma once

#include <span>
#include <vector>

#include "engine/api/types.h"
#include "engine/model.h"

namespace lemma {

class SequencePool {
 public:
  explicit SequencePool(Model& model) : model_(model) {}
  ~SequencePool();

  struct Lease {
    SeqId seq{};
    int cached = 0;  // positions of the prompt that the cache already holds; always fewer than the prompt has
  };
  // The idle sequence that shares the longest prefix with `prompt`, cut to that prefix, or a new one.
  Lease take(std::span<const Token> prompt);
  // Gives a sequence back with the tokens its cache holds.
  void giveBack(SeqId seq, std::vector<Token> tokens);
  // Forgets the idle sequence that was used longest ago; false when none is idle.
  bool evictOne();

 private:
  struct Idle {
    SeqId seq{};
    std::vector<Token> tokens;
    uint64_t lastUse = 0;
  };
  Model& model_;
  std::vector<Idle> idle_;
  uint64_t clock_ = 0;
};

}  // namespace lemma
