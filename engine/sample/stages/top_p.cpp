#include <algorithm>

#include "engine/sample/sampler_stage.h"

namespace lemma {
namespace {
// Keeps the fewest highest candidates whose probability sums to at least p (nucleus; Holtzman et al. 2019).
class TopP final : public SamplerStage {
 public:
  explicit TopP(double p) : p_(p) {}
  void apply(Candidates& c) override {
    const double enough = p_ * c.softmax();
    double sum = 0;
    for (size_t i = 0; i < c.kept().size(); ++i) {
      // The order is needed only as far as the nucleus reaches, so it is sorted in growing steps.
      if (i % kStep == 0 && (i & (i - 1)) == 0) c.sortTop(std::max<size_t>(kStep, 2 * i));
      sum += c.kept()[i].weight;
      if (sum >= enough) {
        c.truncate(i + 1);
        return;
      }
    }
  }

 private:
  static constexpr size_t kStep = 128;  // a power of two
  double p_;
};
}  // namespace

extern const SamplerKind kSampler_top_p{
    .name = "top-p", .order = 50, .make = [](const SamplerSettings& s, int) -> std::unique_ptr<SamplerStage> {
      if (!(s.topP < 1)) return nullptr;
      return std::make_unique<TopP>(double(s.topP));
    }};
}  // namespace lemma
