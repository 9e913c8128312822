#include "engine/sample/sampler_stage.h"

namespace lemma {
namespace {
// Temperature 0: the highest logit; of equal ones the lower id.
class Greedy final : public SamplerStage {
 public:
  void apply(Candidates& c) override { c.keepTop(1); }
};
}  // namespace

extern const SamplerKind kSampler_greedy{
    .name = "greedy", .order = 30, .make = [](const SamplerSettings& s, int) -> std::unique_ptr<SamplerStage> {
      if (s.temperature > 0) return nullptr;
      return std::make_unique<Greedy>();
    }};
}  // namespace lemma
