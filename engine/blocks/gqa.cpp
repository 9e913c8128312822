#include "engine/blocks/gqa.h"

#include "engine/blocks/norm.h"

namespace lemma {
namespace {

void rope(GraphBuilder& g, const GqaShape& s, int heads, const TensorView& x, const TensorView& frequencies) {
  g.add({.kind = OpKind::rope,
         .in = {x, frequencies},
         .out = {x},
         .p = {.scale = s.ropeMagnitude,
               .heads = heads,
               .headDim = s.headDim,
               .ropeDims = s.ropeDims,
               .ropeStyle = s.ropeStyle}});
}

}  // namespace

Result<GqaWeights> bindGqa(const WeightStore& weights, const std::string& prefix, const GqaShape& s) {
  GqaWeights w;
  const int64_t qWidth = int64_t(s.heads) * s.headDim, kWidth = int64_t(s.kvHeads) * s.headDim;
  const int64_t vWidth = int64_t(s.kvHeads) * s.vDim;
  if (s.fused) {
    LEMMA_TRY(parts, bindFused(weights, prefix + "attn_qkv", s.embedding, {qWidth, kWidth, vWidth}));
    w.q = parts[0], w.k = parts[1], w.v = parts[2];
  } else {
    const Bias bias = s.qkvBias ? Bias::required : Bias::optional;
    LEMMA_TRY(q, bindLinear(weights, prefix + "attn_q", s.embedding, qWidth, bias));
    LEMMA_TRY(k, bindLinear(weights, prefix + "attn_k", s.embedding, kWidth, bias));
    LEMMA_TRY(v, bindLinear(weights, prefix + "attn_v", s.embedding, vWidth, bias));
    w.q = q, w.k = k, w.v = v;
  }
  LEMMA_TRY(output, bindLinear(weights, prefix + "attn_output", int64_t(s.heads) * s.vDim, s.embedding));
  w.output = output;
  const auto more = [&](bool wanted, const char* name, int64_t size, TensorView& into) -> Result<void> {
    if (!wanted) return {};
    LEMMA_TRY(tensor, weights.require(prefix + name + ".weight", {size}));
    into = tensor;
    return {};
  };
  LEMMA_CHECK(more(s.headNorm, "attn_q_norm", s.headDim, w.qNorm));
  LEMMA_CHECK(more(s.headNorm, "attn_k_norm", s.headDim, w.kNorm));
  LEMMA_CHECK(more(s.sinks, "attn_sinks", s.heads, w.sinks));
  LEMMA_CHECK(more(s.postNorm, "post_attention_norm", s.embedding, w.postNorm));
  return w;
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
  const OpParams p{.scale = s.scale,
                   .heads = s.heads,
                   .kvHeads = s.kvHeads,
                   .headDim = s.headDim,
                   .vDim = s.vDim,
                   .window = s.window};
  g.add({.kind = OpKind::kvWrite, .in = {k, v}, .out = {g.kPool(layer), g.vPool(layer)}, .p = p});
  g.add({.kind = OpKind::attention, .in = {q, g.kPool(layer), g.vPool(layer), w.sinks}, .out = {mixed}, .p = p});
  addLinear(g, w.output, mixed, residual, w.postNorm, s.normEps);
}

}  // namespace lemma
