// Feed-forward block with a gate: down(silu(gate x) * up x). Block of a model: no model's name in here. Engine's
// thread.
#pragma once

#include <string>

#include "engine/blocks/linear.h"

namespace lemma {

struct DenseFfnWeights {
  Linear gate, up, down;
  int64_t hidden = 0;
};

// `prefix`ffn_gate, ffn_up, ffn_down, each with `suffix` behind it.
Result<DenseFfnWeights> bindDenseFfn(const WeightStore& weights, const std::string& prefix, int64_t embedding,
                                     int64_t hidden, const std::string& suffix = "");

// residual += ffn(in); both {embedding, rows}.
void denseFfn(GraphBuilder& g, const DenseFfnWeights& w, const TensorView& in, const TensorView& residual);

}  // namespace lemma
