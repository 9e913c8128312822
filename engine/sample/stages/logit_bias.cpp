#include "engine/sample/sampler_stage.h"

namespace lemma {
namespace {
// Adds a number to the logits of single tokens; -inf bans one.
class LogitBias final : public SamplerStage {
 public:
  explicit LogitBias(std::vector<std::pair<Token, float>> bias) : bias_(std::move(bias)) {}
  void apply(Candidates& c) override {
    const std::span<float> logits = c.logits();
    for (const auto& [token, bias] : bias_) {
      const auto id = size_t(int32_t(token));
      if (id < logits.size()) logits[id] += bias;
    }
  }

 private:
  std::vector<std::pair<Token, float>> bias_;
};
}  // namespace

extern const SamplerKind kSampler_logit_bias{
    .name = "logit bias", .order = 10, .make = [](const SamplerSettings& s, int) -> std::unique_ptr<SamplerStage> {
      if (s.logitBias.empty()) return nullptr;
      return std::make_unique<LogitBias>(s.logitBias);
    }};
}  // namespace lemma
