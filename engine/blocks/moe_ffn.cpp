#include "engine/blocks/moe_ffn.h"

#include "engine/blocks/norm.h"

namespace lemma {
namespace {

struct Choice {
  TensorView ids, weights;
};

Choice choose(GraphBuilder& g, const MoeFfnWeights& w, const ExpertParams& e, const TensorView& in, bool guess) {
  const TensorView scores = g.activation(e.count);
  const Choice c{g.ids(e.route.topK), g.activation(e.route.topK)};
  linear(g, w.router, in, scores);
  g.add({.kind = OpKind::route, .in = {scores, w.choiceBias}, .out = {c.ids, c.weights}, .p = {.route = e.route}});
  if (w.origin.source) {
    g.add({.kind = OpKind::chooseExperts, .in = {c.ids}, .origin = w.origin, .p = {.guess = guess}});
  }
  return c;
}

}  // namespace

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
  w.origin = weights.originOf(*gate, *up, *down, e.route.topK);
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
            const TensorView& residual, const std::function<void()>& guess) {
  const Choice choice = choose(g, w, e, in, false);
  if (guess) guess();
  g.add({.kind = OpKind::moeFfn,
         .in = {in, choice.ids, choice.weights, residual},
         .out = {residual},
         .experts = {w.gate, w.up, w.down},
         .origin = w.origin,
         .p = {.gate = e.gate}});
  if (w.shared.hidden > 0) denseFfn(g, w.shared, in, residual);
}

void guessExperts(GraphBuilder& g, const MoeFfnWeights& next, const ExpertParams& e, const TensorView& norm, float eps,
                  const TensorView& residual) {
  if (!next.origin.source) return;
  const TensorView normed = g.activation(residual.ne[0]);
  rmsNorm(g, residual, norm, normed, eps);
  choose(g, next, e, normed, true);
}

}  // namespace lemma
