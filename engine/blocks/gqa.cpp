#include "engine/blocks/gqa.h"

#include "engine/blocks/norm.h"

namespace lemma {
namespace {

void rope(GraphBuilder& g, const GqaShape& s, int heads, const TensorView& x, const TensorView& frequencies) {
  g.add({.kind = OpKind::rope,
         .in = {x, g.weight(frequencies)},
         .out = {x},
         .p = {.scale = s.ropeMagnitude,
               .heads = heads,
               .headDim = s.headDim,
               .ropeDims = s.ropeDims,
               .ropeStyle = s.ropeStyle}});
}

}  // namespace

Result<GqaWeights> bindGqa(const WeightStore& weights, const std::string& prefix, const GqaShape& s) {
  const Bias bias = s.qkvBias ? Bias::required : Bias::optional;
  LEMMA_TRY(q, bindLinear(weights, prefix + "attn_q", s.embedding, int64_t(s.heads) * s.headDim, bias));
  LEMMA_TRY(k, bindLinear(weights, prefix + "attn_k", s.embedding, int64_t(s.kvHeads) * s.headDim, bias));
  LEMMA_TRY(v, bindLinear(weights, prefix + "attn_v", s.embedding, int64_t(s.kvHeads) * s.vDim, bias));
  LEMMA_TRY(output, bindLinear(weights, prefix + "attn_output", int64_t(s.heads) * s.vDim, s.embedding));
  if (!s.headNorm) return GqaWeights{q, k, v, output, {}, {}};
  LEMMA_TRY(qNorm, weights.require(prefix + "attn_q_norm.weight", {s.headDim}));
  LEMMA_TRY(kNorm, weights.require(prefix + "attn_k_norm.weight", {s.headDim}));
  return GqaWeights{q, k, v, output, qNorm, kNorm};
}

void gqa(GraphBuilder& g, const GqaWeights& w, const GqaShape& s, int layer, const TensorView& frequencies,
         const TensorView& in, const TensorView& residual) {
  const TensorView q = g.activation(int64_t(s.heads) * s.headDim);
  const TensorView k = g.activation(int64_t(s.kvHeads) * s.headDim);
  const TensorView v = g.activation(int64_t(s.kvHeads) * s.vDim);
  const TensorView mixed = g.activation(int64_t(s.heads) * s.vDim);
  linear(g, w.q, in, q);
  linear(g, w.k, in, k);
  linear(g, w.v, in, v);
  if (s.headNorm) {
    rmsNorm(g, q, w.qNorm, q, s.normEps, s.headDim);
    rmsNorm(g, k, w.kNorm, k, s.normEps, s.headDim);
  }
  rope(g, s, s.heads, q, frequencies);
  rope(g, s, s.kvHeads, k, frequencies);
  const OpParams p{.scale = s.scale, .heads = s.heads, .kvHeads = s.kvHeads, .headDim = s.headDim, .vDim = s.vDim};
  g.add({.kind = OpKind::kvWrite, .in = {k, v}, .out = {g.kPool(layer), g.vPool(layer)}, .p = p});
  g.add({.kind = OpKind::attention, .in = {q, g.kPool(layer), g.vPool(layer)}, .out = {mixed}, .p = p});
  linear(g, w.output, mixed, residual, residual);
}

}  // namespace lemma
