#include "engine/blocks/linear.h"

namespace lemma {

Result<Linear> bindLinear(const WeightStore& weights, const std::string& name, int64_t in, int64_t out, Bias bias) {
  const std::string biasName = name + ".bias";
  LEMMA_TRY(weight, weights.require(name + ".weight", {in, out}));
  LEMMA_TRY(added, bias == Bias::required ? weights.require(biasName, {out}) : weights.optional(biasName, {out}));
  return Linear{weight, added};
}

void linear(GraphBuilder& g, const Linear& l, const TensorView& x, const TensorView& out, const TensorView& residual,
            bool wantedRows) {
  g.add({.kind = OpKind::matMul,
         .in = {x, g.weight(l.weight), g.weight(l.bias), residual},
         .out = {out},
         .p = {.wantedRows = wantedRows}});
}

}  // namespace lemma
