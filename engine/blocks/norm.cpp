#include "engine/blocks/norm.h"

namespace lemma {

void rmsNorm(GraphBuilder& g, const TensorView& in, const TensorView& weight, const TensorView& out, float eps,
             int headDim, bool wantedRows) {
  g.add({.kind = OpKind::rmsNorm,
         .in = {in, weight},
         .out = {out},
         .p = {.eps = eps, .headDim = headDim, .wantedRows = wantedRows}});
}

}  // namespace lemma
