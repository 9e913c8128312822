// Root-mean-square norm. Block of a model: no model's name in here. Engine's thread.
#pragma once

#include "engine/blocks/graph.h"

namespace lemma {

// out = in / rms(in) * weight[width]; in and out {width, rows} may be the same view.
// headDim > 0: every head of so many numbers by itself, weight[headDim]. wantedRows: on the rows picked for logits.
void rmsNorm(GraphBuilder& g, const TensorView& in, const TensorView& weight, const TensorView& out, float eps,
             int headDim = 0, bool wantedRows = false);

}  // namespace lemma
