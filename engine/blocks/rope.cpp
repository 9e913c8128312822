#include "engine/blocks/rope.h"

#include <cmath>

namespace lemma {

Result<TensorView> ropeFrequencies(const RopeParams& rope, WeightStore& weights) {
  const int64_t half = rope.dims / 2;
  std::vector<float> factors(size_t(half), 1.0f), frequencies;
  LEMMA_TRY(stored, weights.optional("rope_freqs.weight", {half}));
  if (!stored.empty()) typeInfo(stored.type)->decode(stored.data(), factors.data(), half);
  for (int64_t i = 0; i < half; ++i) {
    const float factor = factors[size_t(i)];
    if (!(factor > 0) || std::isinf(factor)) {
      return fail(Err::badValue, "the tensor rope_freqs.weight holds a factor that is not above zero");
    }
    const float power = std::pow(rope.base, float(2 * i) / float(rope.dims));
    frequencies.push_back(1.0f / power * rope.freqScale / factor);
  }
  return weights.constant(std::move(frequencies));
}

}  // namespace lemma
