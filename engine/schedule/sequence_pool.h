// The sequences of the KV cache that the engine keeps between requests, so that a next turn, a branch, a regeneration
// or another conversation with the same beginning pays only for what is new. What they begin with together is held
// once, and nothing that is taken from here is lost to the others. Owner: the Engine; engine thread only.
#pragma once

#include <span>

#include "engine/api/types.h"
#include "engine/model.h"
#include "engine/schedule/prefix_tree.h"

namespace lemma {

class SequencePool {
 public:
  explicit SequencePool(Model& model) : model_(model) {}
  ~SequencePool();

  struct Lease {
    SeqId seq{};
    int cached = 0;  // positions of the prompt that the cache already holds; fewer than the prompt has
  };
  // A sequence that holds the longest known beginning of `prompt` without its last `toCompute` tokens (at least one:
  // its logits are where the answer starts), and is the caller's.
  Lease take(std::span<const Token> prompt, int toCompute = 1);
  // Keeps what a sequence holds now, `tokens`, whatever its owner does with it later: the end of a person's turn, say.
  void keep(SeqId seq, std::span<const Token> tokens);
  // Gives a sequence back with the tokens its cache holds.
  void giveBack(SeqId seq, std::span<const Token> tokens);
  // Gives the pages back that were used longest ago: the end of a path up to where it was kept or another leaves it.
  // False when nothing is kept.
  bool evictOne();

 private:
  Model& model_;
  PrefixTree tree_;
};

}  // namespace lemma
