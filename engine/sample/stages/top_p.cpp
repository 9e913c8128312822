#include <algorithm>

#include "engine/sample/sampler_stage.h"

namespace lemma {
namespace {
// Keeps the fewest highest candidates whose probability sums to at least p (nucleus; Holtzman et al. 2019).
class TopP final : public SamplerStage {
 public:
  explicit TopP(double p) : p_(p) {}
  void apply(Candidates& c) override {
    const double total = c.softmax(), enough = p_ * total;
    // All that is lighter than the n-th part of what the nucleus leaves out sums to less than it leaves out: none of it
    // is in the nucleus. Half of that, so that rounding cannot matter. One pass instead of sorting the long tail.
    c.keepWeightFrom(0.5 * (1 - p_) * total / double(c.kept().size()));
    double sum = 0;
    size_t sorted = 0;
    for (size_t i = 0; i < c.kept().size(); ++i) {
      // The order is needed only as far as the nucleus reaches, so it is sorted in growing steps.
      if (i == sorted) c.sortTop(sorted = std::max<size_t>(kStep, 8 * sorted));
      sum += c.kept()[i].weight;
      if (sum >= enough) {
        c.truncate(i + 1);
        return;
      }
    }
  }

 private:
  static constexpr size_t kStep = 256;
  double p_;
};
}  // namespace

extern const SamplerKind kSampler_top_p{
    .name = "top-p", .order = 50, .make = [](const SamplerSettings& s, int) -> std::unique_ptr<SamplerStage> {
      if (!(s.topP < 1)) return nullptr;
      return std::make_unique<TopP>(double(s.topP));
    }};
}  // namespace lemma
