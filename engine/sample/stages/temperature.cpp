#include "engine/sample/sampler_stage.h"

namespace lemma {
namespace {
// Divides the logits. Taken from the highest one first, so that no temperature overflows.
class Temperature final : public SamplerStage {
 public:
  explicit Temperature(float t) : t_(t) {}
  void apply(Candidates& c) override {
    const float best = c.highest();
    for (Candidate& k : c.kept()) k.logit = (k.logit - best) / t_;
  }

 private:
  float t_;
};
}  // namespace

extern const SamplerKind kSampler_temperature{
    .name = "temperature", .order = 70, .make = [](const SamplerSettings& s, int) -> std::unique_ptr<SamplerStage> {
      if (!(s.temperature > 0) || s.temperature == 1) return nullptr;
      return std::make_unique<Temperature>(s.temperature);
    }};
}  // namespace lemma
