#include "engine/blocks/latent_attention.h"

#include "engine/blocks/norm.h"

namespace lemma {
namespace {

// Rows from `from` on of every head's matrix in {in, heads * perHead}.
TensorView rowsOfHeads(const TensorView& all, int64_t heads, int64_t from, int64_t count) {
  TensorView v = all;
  const int64_t perHead = all.ne[1] / heads;
  v.off += uint64_t(from * all.nb[1]);
  v.scales.firstRow += from;
  v.rank = 3;
  v.ne = {all.ne[0], count, heads, 1};
  v.nb[2] = perHead * all.nb[1];
  v.nb[3] = heads * v.nb[2];
  return v;
}

}  // namespace

Result<LatentAttentionWeights> bindLatentAttention(const WeightStore& weights, const std::string& prefix,
                                                   const Hparams& h) {
  LatentAttentionWeights w;
  const int64_t rank = h.latent->kvRank, queryRank = h.latent->queryRank, nope = h.headDim - h.rope.dims;
  const int64_t queries = int64_t(h.heads) * h.headDim;
  if (queryRank > 0) {
    LEMMA_TRY(down, bindLinear(weights, prefix + "attn_q_a", h.embedding, queryRank));
    LEMMA_TRY(norm, weights.require(prefix + "attn_q_a_norm.weight", {queryRank}));
    LEMMA_TRY(up, bindLinear(weights, prefix + "attn_q_b", queryRank, queries));
    w.qDown = down;
    w.qNorm = norm;
    w.qUp = up;
  } else {
    LEMMA_TRY(q, bindLinear(weights, prefix + "attn_q", h.embedding, queries));
    w.qUp = q;
  }
  LEMMA_TRY(kvDown, bindLinear(weights, prefix + "attn_kv_a_mqa", h.embedding, rank + h.rope.dims));
  LEMMA_TRY(kvNorm, weights.require(prefix + "attn_kv_a_norm.weight", {rank}));
  LEMMA_TRY(joint, weights.optional(prefix + "attn_kv_b.weight", {rank, int64_t(h.heads) * (nope + h.vDim)}));
  w.kvDown = kvDown;
  w.kvNorm = kvNorm;
  w.keysByLatent = !joint.empty();
  if (w.keysByLatent) {
    w.keys = rowsOfHeads(joint, h.heads, 0, nope);
    w.values = rowsOfHeads(joint, h.heads, nope, h.vDim);
  } else {
    LEMMA_TRY(keys, weights.require(prefix + "attn_k_b.weight", {nope, rank, h.heads}));
    LEMMA_TRY(values, weights.require(prefix + "attn_v_b.weight", {rank, h.vDim, h.heads}));
    w.keys = keys;
    w.values = values;
  }
  LEMMA_TRY(output, bindLinear(weights, prefix + "attn_output", int64_t(h.heads) * h.vDim, h.embedding));
  w.output = output;
  return w;
}

void latentAttention(GraphBuilder& g, const LatentAttentionWeights& w, const Hparams& h, int layer,
                     const TensorView& frequencies, const TensorView& in, const TensorView& residual) {
  const int64_t rank = h.latent->kvRank;
  const TensorView q = g.activation(int64_t(h.heads) * h.headDim);
  const TensorView kv = g.activation(rank + h.rope.dims);
  const TensorView mixed = g.activation(int64_t(h.heads) * h.vDim);
  if (h.latent->queryRank > 0) {
    const TensorView compressed = g.activation(h.latent->queryRank);
    linear(g, w.qDown, in, compressed);
    linear(g, w.kvDown, in, kv);
    rmsNorm(g, compressed, w.qNorm, compressed, h.normEps);
    linear(g, w.qUp, compressed, q);
  } else {
    linear(g, w.qUp, in, q);
    linear(g, w.kvDown, in, kv);
  }
  rmsNorm(g, columns(kv, 0, rank), w.kvNorm, columns(kv, 0, rank), h.normEps);
  const auto rope = [&](const TensorView& x, int heads, int headDim) {
    g.add({.kind = OpKind::rope,
           .in = {x, frequencies},
           .out = {x},
           .p = {.scale = h.rope.magnitude,
                 .heads = heads,
                 .headDim = headDim,
                 .ropeDims = h.rope.dims,
                 .ropeFrom = headDim - h.rope.dims,
                 .ropeStyle = h.rope.style}});
  };
  rope(q, h.heads, h.headDim);
  rope(columns(kv, rank, h.rope.dims), 1, h.rope.dims);
  g.add({.kind = OpKind::kvWrite,
         .in = {kv},
         .out = {g.kPool(layer)},
         .p = {.kvHeads = 1, .headDim = int32_t(rank) + h.rope.dims, .vDim = 0}});
  g.add({.kind = OpKind::attentionMla,
         .in = {q, g.kPool(layer), w.keys, w.values},
         .out = {mixed},
         .p = {.scale = h.attentionScale,
               .heads = h.heads,
               .kvHeads = 1,
               .headDim = h.headDim,
               .vDim = h.vDim,
               .ropeDims = h.rope.dims,
               .keysByLatent = w.keysByLatent}});
  linear(g, w.output, mixed, residual, residual);
}

}  // namespace lemma
