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
  bool fused = false;       // q, k and v lie in one matrix
  bool sinks = false;       // each head has a logit without a value
  bool postNorm = false;    // what is added to the residual stream is normalised
  int window = 0;           // positions that a row sees; 0 = all
  float normEps = 0;
};

struct GqaWeights {
  Linear q, k, v, output;
  TensorView qNorm, kNorm;  // {headDim}, or empty
  TensorView sinks;         // {heads}, or empty
  TensorView postNorm;      // {embedding}, or empty
};

// `prefix`attn_q, attn_k, attn_v (fused: attn_qkv), attn_output, and what the shape says: attn_q_norm and attn_k_norm,
// attn_sinks, post_attention_norm.
Result<GqaWeights> bindGqa(const WeightStore& weights, const std::string& prefix, const GqaShape& shape);

// residual += attention(in); in and residual {embedding, rows}; frequencies {ropeDims / 2} in radians a position.
void gqa(GraphBuilder& g, const GqaWeights& w, const GqaShape& shape, int layer, const TensorView& frequencies,
         const TensorView& in, const TensorView& residual);

}  // namespace lemma
