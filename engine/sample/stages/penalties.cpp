#include <algorithm>
#include <cmath>

#include "engine/sample/sampler_stage.h"

namespace lemma {
namespace {
// Makes tokens of the last `penaltyWindow` accepted ones less likely.
// Repetition (Keskar et al. 2019, CTRL): positive logits are divided, the others multiplied. Presence is taken off
// once, frequency for each time (OpenAI's definition).
class Penalties final : public SamplerStage {
 public:
  Penalties(const SamplerSettings& s, int vocabulary)
      : repeat_(s.repeat), presence_(s.presence), frequency_(s.frequency), count_(size_t(std::max(vocabulary, 0)), 0) {
    recent_.resize(size_t(std::min(s.penaltyWindow, kLongestWindow)));
    distinct_.reserve(recent_.size());
  }

  void apply(Candidates& c) override {
    const std::span<float> logits = c.logits();
    for (const int32_t id : distinct_) {
      if (size_t(id) >= logits.size()) continue;
      float& x = logits[size_t(id)];
      x = x > 0 ? x / repeat_ : x * repeat_;
      x -= float(count_[size_t(id)]) * frequency_ + presence_;
    }
  }

  void accept(Token token) override {
    const int32_t id = int32_t(token);
    if (id < 0 || size_t(id) >= count_.size()) return;
    if (filled_ == recent_.size()) {
      const int32_t gone = recent_[next_];
      if (--count_[size_t(gone)] == 0) {
        *std::find(distinct_.begin(), distinct_.end(), gone) = distinct_.back();
        distinct_.pop_back();
      }
    } else {
      ++filled_;
    }
    recent_[next_] = id;
    next_ = (next_ + 1) % recent_.size();
    if (count_[size_t(id)]++ == 0) distinct_.push_back(id);
  }

 private:
  static constexpr int kLongestWindow = 1 << 20;  // longer than any context
  float repeat_, presence_, frequency_;
  std::vector<int32_t> count_;   // by token id, within the window
  std::vector<int32_t> recent_;  // a ring
  size_t next_ = 0, filled_ = 0;
  std::vector<int32_t> distinct_;
};
}  // namespace

extern const SamplerKind kSampler_penalties{
    .name = "penalties",
    .order = 20,
    .make = [](const SamplerSettings& s, int vocabulary) -> std::unique_ptr<SamplerStage> {
      SamplerSettings used = s;
      if (!(used.repeat > 0) || !std::isfinite(used.repeat)) used.repeat = 1;
      if (!std::isfinite(used.presence)) used.presence = 0;
      if (!std::isfinite(used.frequency)) used.frequency = 0;
      const bool off = used.repeat == 1 && used.presence == 0 && used.frequency == 0;
      if (off || used.penaltyWindow <= 0) return nullptr;
      return std::make_unique<Penalties>(used, vocabulary);
    }};
}  // namespace lemma
