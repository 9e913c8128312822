#include "engine/sample/sampler_stage.h"

namespace lemma {
namespace {
// Keeps the k highest logits (Fan et al. 2018).
class TopK final : public SamplerStage {
 public:
  explicit TopK(int k) : k_(k) {}
  void apply(Candidates& c) override { c.keepTop(k_); }

 private:
  int k_;
};
}  // namespace

extern const SamplerKind kSampler_top_k{
    .name = "top-k", .order = 40, .make = [](const SamplerSettings& s, int) -> std::unique_ptr<SamplerStage> {
      if (s.topK <= 0) return nullptr;
      return std::make_unique<TopK>(s.topK);
    }};
}  // namespace lemma
