// Chooses the next token from logits. A chain of the samplers in stages/, in the order of llama.cpp's default chain:
// logit bias, penalties, greedy (temperature 0), top-k, top-p, min-p, temperature; then one draw.
// One per generated message, used by one thread. Nothing is allocated after the constructor.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/api/types.h"
#include "engine/sample/random.h"
#include "engine/sample/sampler_stage.h"

namespace lemma {

class SamplerChain {
 public:
  // Seed 0 stands for one chosen by chance; seed() tells which. Settings out of range turn their sampler off.
  SamplerChain(const SamplerSettings& settings, int vocabulary);

  // Logits by token id; changed in place. The same seed and logits give the same tokens on every machine.
  Token sample(std::span<float> logits);
  // The choice that sample() draws from: weights sum to 1. Dies at the next call.
  std::span<const Candidate> distribution(std::span<float> logits);
  // What became part of the text, sampled or not: the penalties look back on it.
  void accept(Token token);

  uint64_t seed() const { return seed_; }

 private:
  uint64_t seed_;
  Random random_;
  Candidates candidates_;
  std::vector<std::unique_ptr<SamplerStage>> stages_;
};

}  // namespace lemma
