// Grouped-query attention with rotary positions and a paged KV cache: several query heads share one head of keys and
// values (all of them: multi-query; none: the classic form). Block of a model: no model's name in here. Engine's
// thread.
#pragma once

#include <string>

#include "engine/blocks/linear.h"

namespace lemma {

struct GqaShape {
  int embedding = 0;
  int heads = 0, kvHeads = 0;
  int headDim = 0, vDim = 0;
  float scale = 1;  // of q . k
  int ropeDims = 0;
  RopeStyle ropeStyle = RopeStyle::interleaved;
  float ropeMagnitude = 1;  // factor on cos and sin
  bool qkvBias = false;     // q, k and v must have one
  bool headNorm = false;    // each head of q and k is normalised before it is rotated
  float normEps = 0;
};

struct GqaWeights {
  Linear q, k, v, output;
  TensorView qNorm, kNorm;  // {headDim}, or empty
};

// `prefix`attn_q, attn_k, attn_v, attn_output, and attn_q_norm, attn_k_norm with headNorm.
Result<GqaWeights> bindGqa(const WeightStore& weights, const std::string& prefix, const GqaShape& shape);

// residual += attention(in); in and residual {embedding, rows}; frequencies {ropeDims / 2} in radians a position.
void gqa(GraphBuilder& g, const GqaWeights& w, const GqaShape& shape, int layer, const TensorView& frequencies,
         const TensorView& in, const TensorView& residual);

}  // namespace lemma
