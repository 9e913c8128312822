#include "engine/blocks/dense_ffn.h"

namespace lemma {

Result<DenseFfnWeights> bindDenseFfn(const WeightStore& weights, const std::string& prefix, int64_t embedding,
                                     int64_t hidden, const DenseFfnForm& form) {
  DenseFfnWeights w{.hidden = hidden, .form = form};
  if (form.fused) {
    LEMMA_TRY(parts, bindFused(weights, prefix + "ffn_up" + form.suffix, embedding, {hidden, hidden}));
    w.gate = parts[0], w.up = parts[1];
  } else {
    LEMMA_TRY(gate, bindLinear(weights, prefix + "ffn_gate" + form.suffix, embedding, hidden));
    LEMMA_TRY(up, bindLinear(weights, prefix + "ffn_up" + form.suffix, embedding, hidden));
    w.gate = gate, w.up = up;
  }
  LEMMA_TRY(down, bindLinear(weights, prefix + "ffn_down" + form.suffix, hidden, embedding));
  w.down = down;
  if (!form.postNorm) return w;
  LEMMA_TRY(postNorm, weights.require(prefix + "post_ffw_norm.weight", {embedding}));
  w.postNorm = postNorm;
  return w;
}

void denseFfn(GraphBuilder& g, const DenseFfnWeights& w, const TensorView& in, const TensorView& residual) {
  const TensorView gate = g.activation(w.hidden);
  const TensorView up = g.activation(w.hidden);
  linear(g, w.gate, in, gate);
  linear(g, w.up, in, up);
  g.add({.kind = OpKind::glu, .in = {gate, up}, .out = {gate}, .p = {.gate = w.form.gate}});
  if (!w.rowGate.weight.empty()) {  // before the last product, which has no bias then: what it makes is weighted alike
    const TensorView number = g.activation(1);
    linear(g, w.rowGate, in, number);
    g.add({.kind = OpKind::glu, .in = {number, gate}, .out = {gate}, .p = {.gate = Gate::sigmoid}});
  }
  addLinear(g, w.down, gate, residual, w.postNorm, w.form.normEps);
}

}  // namespace lemma
