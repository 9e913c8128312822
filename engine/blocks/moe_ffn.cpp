#include "engine/blocks/moe_ffn.h"

namespace lemma {

Result<MoeFfnWeights> bindMoeFfn(const WeightStore& weights, const std::string& prefix, int64_t embedding,
                                 const ExpertParams& e) {
  MoeFfnWeights w;
  LEMMA_TRY(router, bindLinear(weights, prefix + "ffn_gate_inp", embedding, e.count));
  LEMMA_TRY(bias, weights.optional(prefix + "exp_probs_b.bias", {e.count}));
  LEMMA_TRY(gate, weights.requireExperts(prefix + "ffn_gate_exps", embedding, e.hidden, e.count));
  LEMMA_TRY(up, weights.requireExperts(prefix + "ffn_up_exps", embedding, e.hidden, e.count));
  LEMMA_TRY(down, weights.requireExperts(prefix + "ffn_down_exps", e.hidden, embedding, e.count));
  w.router = router;
  w.choiceBias = bias;
  w.gate = gate;
  w.up = up;
  w.down = down;
  if (e.sharedHidden > 0) {
    LEMMA_TRY(shared, bindDenseFfn(weights, prefix, embedding, e.sharedHidden, {.gate = e.gate, .suffix = "_shexp"}));
    w.shared = shared;
    if (e.sharedGate) {
      const std::string name = prefix + "ffn_gate_inp_shexp.weight";
      LEMMA_TRY(rowGate, weights.require(name, {embedding}));
      if (!shared.down.bias.empty()) {
        return fail(Err::unsupported, "the tensor " + quotedName(name) + " weights a shared expert that has a bias");
      }
      w.shared.rowGate.weight = rowGate;
      w.shared.rowGate.weight.rank = 2;  // {embedding, 1}
    }
  }
  return w;
}

void moeFfn(GraphBuilder& g, const MoeFfnWeights& w, const ExpertParams& e, const TensorView& in,
            const TensorView& residual) {
  const TensorView scores = g.activation(e.count);
  const TensorView ids = g.ids(e.route.topK), weights = g.activation(e.route.topK);
  linear(g, w.router, in, scores);
  g.add(
      {.kind = OpKind::route, .in = {scores, g.weight(w.choiceBias)}, .out = {ids, weights}, .p = {.route = e.route}});
  g.add({.kind = OpKind::moeFfn,
         .in = {in, ids, weights, residual},
         .out = {residual},
         .experts = {g.experts(w.gate), g.experts(w.up), g.experts(w.down)},
         .p = {.gate = e.gate}});
  if (w.shared.hidden > 0) denseFfn(g, w.shared, in, residual);
}

}  // namespace lemma
