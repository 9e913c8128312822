#include "engine/sample/sampler.h"

#include <algorithm>

namespace lemma {

SamplerChain::SamplerChain(const SamplerSettings& settings, int vocabulary)
    : seed_(settings.seed != 0 ? settings.seed : chanceSeed()), random_(seed_), candidates_(vocabulary) {
  std::vector<const SamplerKind*> kinds(samplerTable().begin(), samplerTable().end());
  std::sort(kinds.begin(), kinds.end(), [](const SamplerKind* a, const SamplerKind* b) { return a->order < b->order; });
  for (const SamplerKind* kind : kinds) {
    if (auto stage = kind->make(settings, vocabulary)) stages_.push_back(std::move(stage));
  }
}

std::span<const Candidate> SamplerChain::distribution(std::span<float> logits) {
  candidates_.reset(logits);
  for (const auto& stage : stages_) stage->apply(candidates_);
  const double sum = candidates_.softmax();
  for (Candidate& c : candidates_.kept()) c.weight /= sum;
  return candidates_.kept();
}

Token SamplerChain::sample(std::span<float> logits) {
  const std::span<const Candidate> choice = distribution(logits);
  if (choice.size() == 1) return choice[0].token;  // greedy spends no random number
  const double u = random_.uniform();
  double sum = 0;
  Token last = choice[0].token;
  for (const Candidate& c : choice) {
    if (!(c.weight > 0)) continue;
    sum += c.weight;
    last = c.token;
    if (u < sum) break;
  }
  return last;
}

void SamplerChain::accept(Token token) {
  for (const auto& stage : stages_) stage->accept(token);
}

}  // namespace lemma
