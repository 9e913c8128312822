// Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434): keys and values of all heads come from one small latent
// a position, which is all that the cache holds, beside one rotated key that the heads share. Block of a model: no
// model's name in here. Engine's thread.
#pragma once

#include <string>

#include "engine/blocks/hparams.h"
#include "engine/blocks/linear.h"

namespace lemma {

struct LatentAttentionWeights {
  Linear qDown, qUp;  // without compression of queries only qUp, from the embedding
  TensorView qNorm;   // {queryRank}, or empty
  Linear kvDown;      // to {kvRank + ropeDims}
  TensorView kvNorm;  // {kvRank}
  TensorView keys;    // {nope, kvRank, heads}, or by latent {kvRank, nope, heads}
  TensorView values;  // {kvRank, vDim, heads}
  bool keysByLatent = false;
  Linear output;
};

// `prefix`attn_q or attn_q_a, attn_q_a_norm, attn_q_b; attn_kv_a_mqa, attn_kv_a_norm; attn_k_b and attn_v_b or, in
// older files and checkpoints, both in one attn_kv_b; attn_output.
Result<LatentAttentionWeights> bindLatentAttention(const WeightStore& weights, const std::string& prefix,
                                                   const Hparams& h);

// residual += attention(in); both {embedding, rows}; frequencies {ropeDims / 2} in radians a position.
void latentAttention(GraphBuilder& g, const LatentAttentionWeights& w, const Hparams& h, int layer,
                     const TensorView& frequencies, const TensorView& in, const TensorView& residual);

}  // namespace lemma
