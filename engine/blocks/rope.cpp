#include "engine/blocks/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace lemma {
namespace {

// Which share of frequency i stays as it was; the rest is divided by YaRN's factor.
float yarnKeeps(const RopeParams& rope, int64_t i) {
  // The index, not whole, of the frequency that turns so often in the original context.
  const auto index = [&](double turns) {
    return rope.dims * std::log(rope.yarn->originalContext / (turns * 2 * std::numbers::pi)) /
           (2 * std::log(double(rope.base)));
  };
  double low = index(rope.yarn->betaFast), high = index(rope.yarn->betaSlow);
  if (rope.yarn->wholeBounds) low = std::floor(low), high = std::ceil(high);
  low = std::max(0.0, low);
  high = std::min(double(rope.dims - 1), high);
  return float(1 - std::clamp((double(i) - low) / std::max(0.001, high - low), 0.0, 1.0));
}

constexpr const char* kPlainFactors = "rope_freqs.weight";

std::string factorsName(const RopeParams& rope, const ModelHeader& header, int context) {
  const std::string longer = "rope_factors_long.weight", shorter = "rope_factors_short.weight";
  if (!rope.longRope && !header.tensor(longer) && !header.tensor(shorter)) return kPlainFactors;
  return context > rope.originalContext ? longer : shorter;
}

}  // namespace

Result<TensorView> ropeFrequencies(const RopeParams& rope, WeightStore& weights, int context) {
  const int64_t half = rope.dims / 2;
  std::vector<float> factors(size_t(half), 1.0f), frequencies;
  const std::string name = factorsName(rope, weights.header(), context);
  LEMMA_TRY(stored, name == kPlainFactors ? weights.optional(name, {half}) : weights.require(name, {half}));
  if (!stored.empty()) typeInfo(stored.type)->decode(stored.data(), factors.data(), half);
  for (int64_t i = 0; i < half; ++i) {
    const float factor = factors[size_t(i)];
    if (!(factor > 0) || std::isinf(factor)) {
      return fail(Err::badValue, "the tensor " + name + " holds a factor that is not above zero");
    }
    const float power = std::pow(rope.base, float(2 * i) / float(rope.dims));
    float frequency = 1.0f / power * rope.freqScale / factor;
    if (rope.yarn) {
      const float kept = yarnKeeps(rope, i);
      frequency = frequency * kept + frequency / rope.yarn->factor * (1 - kept);
    }
    frequencies.push_back(frequency);
  }
  return weights.constant(std::move(frequencies));
}

}  // namespace lemma
