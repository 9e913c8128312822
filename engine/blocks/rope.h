// The frequencies of rotary positions. Block of a model: no model's name in here. Engine's thread.
#pragma once

#include "engine/blocks/hparams.h"
#include "engine/memory/weights.h"

namespace lemma {

// {dims / 2} in radians a position: base^(-2i / dims), scaled, each divided by its factor where the file has some:
// rope_freqs.weight (Llama 3's scaling), or rope_factors_long.weight and rope_factors_short.weight (LongRoPE), the long
// ones for a `context` beyond the original. RopeParams::magnitude is not in them: it goes to the op.
Result<TensorView> ropeFrequencies(const RopeParams& rope, WeightStore& weights, int context);

}  // namespace lemma
