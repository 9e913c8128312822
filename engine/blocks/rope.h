// The frequencies of rotary positions. Block of a model: no model's name in here. Engine's thread.
#pragma once

#include "engine/blocks/hparams.h"
#include "engine/memory/weights.h"

namespace lemma {

// {dims / 2} in radians a position: base^(-2i / dims), scaled, each divided by its factor in rope_freqs.weight where
// the file has one (Llama 3's scaling).
// RopeParams::magnitude is not in them: it goes to the op.
Result<TensorView> ropeFrequencies(const RopeParams& rope, WeightStore& weights);

}  // namespace lemma
