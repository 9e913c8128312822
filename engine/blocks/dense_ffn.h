// Feed-forward block with a gate: down(gate(x) * up(x)), the gate's form by lemma::Gate. Block of a model: no model's
// name in here. Engine's thread.
#pragma once

#include <string>

#include "engine/blocks/linear.h"

namespace lemma {

struct DenseFfnForm {
  Gate gate = Gate::silu;
  bool fused = false;     // gate and up lie in one matrix, the gate first
  bool postNorm = false;  // what is added to the residual stream is normalised
  float normEps = 0;
  std::string suffix;  // behind the names of the matrices
};

struct DenseFfnWeights {
  Linear gate, up, down;
  int64_t hidden = 0;
  DenseFfnForm form;
  TensorView postNorm;  // {embedding}, or empty
  Linear rowGate;       // {embedding, 1}, or empty: each row is weighted by the sigmoid of its product
};

// `prefix`ffn_gate, ffn_up (fused: ffn_up alone), ffn_down, and post_ffw_norm where the form has it.
Result<DenseFfnWeights> bindDenseFfn(const WeightStore& weights, const std::string& prefix, int64_t embedding,
                                     int64_t hidden, const DenseFfnForm& form = {});

// residual += ffn(in); both {embedding, rows}.
void denseFfn(GraphBuilder& g, const DenseFfnWeights& w, const TensorView& in, const TensorView& residual);

}  // namespace lemma
