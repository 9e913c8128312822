#include <algorithm>

#include "engine/sample/sampler_stage.h"

namespace lemma {
namespace {
// Keeps what is at least `minP` times as likely as the most likely candidate (Nguyen et al. 2024).
class MinP final : public SamplerStage {
 public:
  explicit MinP(double p) : p_(std::min(p, 1.0)) {}
  void apply(Candidates& c) override {
    c.softmax();  // the weight of the most likely one is 1
    c.keepWeightFrom(p_);
  }

 private:
  double p_;
};
}  // namespace

extern const SamplerKind kSampler_min_p{
    .name = "min-p", .order = 60, .make = [](const SamplerSettings& s, int) -> std::unique_ptr<SamplerStage> {
      if (!(s.minP > 0)) return nullptr;
      return std::make_unique<MinP>(double(s.minP));
    }};
}  // namespace lemma
