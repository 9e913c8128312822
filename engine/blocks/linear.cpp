#include "engine/blocks/linear.h"

namespace lemma {

Result<Linear> bindLinear(const WeightStore& weights, const std::string& name, int64_t in, int64_t out) {
  LEMMA_TRY(weight, weights.require(name + ".weight", {in, out}));
  LEMMA_TRY(bias, weights.optional(name + ".bias", {out}));
  return Linear{weight, bias};
}

void linear(GraphBuilder& g, const Linear& l, const TensorView& x, const TensorView& out, const TensorView& residual,
            bool wantedRows) {
  g.add({.kind = OpKind::matMul,
         .in = {x, g.weight(l.weight), g.weight(l.bias), residual},
         .out = {out},
         .p = {.wantedRows = wantedRows}});
}

}  // namespace lemma
