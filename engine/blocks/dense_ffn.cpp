#include "engine/blocks/dense_ffn.h"

namespace lemma {

Result<DenseFfnWeights> bindDenseFfn(const WeightStore& weights, const std::string& prefix, int64_t embedding,
                                     int64_t hidden, const std::string& suffix) {
  LEMMA_TRY(gate, bindLinear(weights, prefix + "ffn_gate" + suffix, embedding, hidden));
  LEMMA_TRY(up, bindLinear(weights, prefix + "ffn_up" + suffix, embedding, hidden));
  LEMMA_TRY(down, bindLinear(weights, prefix + "ffn_down" + suffix, hidden, embedding));
  return DenseFfnWeights{gate, up, down, hidden};
}

void denseFfn(GraphBuilder& g, const DenseFfnWeights& w, const TensorView& in, const TensorView& residual) {
  const TensorView gate = g.activation(w.hidden);
  const TensorView up = g.activation(w.hidden);
  linear(g, w.gate, in, gate);
  linear(g, w.up, in, up);
  g.add({.kind = OpKind::glu, .in = {gate, up}, .out = {gate}});
  linear(g, w.down, gate, residual, residual);
}

}  // namespace lemma
