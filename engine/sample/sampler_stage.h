// What the samplers of a chain share: the candidates for the next token, and the interface of a sampler.
// Owned by one SamplerChain, used by one thread. One sampler is one file in stages/, found by CMake's glob.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/api/types.h"

namespace lemma {

struct Candidate {
  Token token{};
  float logit = 0;
  double weight = 0;  // exp(logit - highest logit), as of the last softmax()
};

// First all of the vocabulary as logits in place; from the first look at kept() on a list of candidates.
// Nothing here allocates after the constructor.
class Candidates {
 public:
  explicit Candidates(int vocabulary);
  void reset(std::span<float> logits);

  // By token id. Only for samplers in front of the first that keeps a choice.
  std::span<float> logits() { return logits_; }

  // Never empty. Finite logits only: NaN and -inf are out, +inf is the largest float. Where nothing is left: token 0.
  std::span<Candidate> kept();
  // Keeps the k highest, in descending order; of equal logits the lower id comes first.
  void keepTop(int k);
  // Sorts so that the n highest stand first in descending order.
  void sortTop(size_t n);
  // Keeps the first n.
  void truncate(size_t n);
  // Keeps those of at least this weight, in their order.
  void keepWeightFrom(double weight);
  // Sets every weight and returns their sum.
  double softmax();
  float highest();

 private:
  void collect();

  std::span<float> logits_;
  std::vector<Candidate> kept_;
  size_t sorted_ = 0;  // so many highest stand first, in order
  bool collected_ = false;
};

class SamplerStage {
 public:
  virtual ~SamplerStage() = default;
  virtual void apply(Candidates& candidates) = 0;
  virtual void accept(Token) {}  // a token became part of the text
};

// A row of the table of samplers. `make` gives null where the settings turn the sampler off.
struct SamplerKind {
  const char* name;
  int order;  // place in the chain, lowest first
  std::unique_ptr<SamplerStage> (*make)(const SamplerSettings&, int vocabulary);
};

std::span<const SamplerKind* const> samplerTable();

// exp(x) for x <= 0, from additions and multiplications only, so that every machine gets the same bits
// (the C library's differ). Relative error below 1e-15; 0 below -708.
double exactExp(double x);

}  // namespace lemma
