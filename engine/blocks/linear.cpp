#include "engine/blocks/linear.h"

#include <numeric>

#include "engine/blocks/norm.h"

namespace lemma {

Result<Linear> bindLinear(const WeightStore& weights, const std::string& name, int64_t in, int64_t out, Bias bias) {
  const std::string biasName = name + ".bias";
  LEMMA_TRY(weight, weights.require(name + ".weight", {in, out}));
  LEMMA_TRY(added, bias == Bias::required ? weights.require(biasName, {out}) : weights.optional(biasName, {out}));
  return Linear{weight, added};
}

Result<std::vector<Linear>> bindFused(const WeightStore& weights, const std::string& name, int64_t in,
                                      std::initializer_list<int64_t> outs) {
  LEMMA_TRY(whole, bindLinear(weights, name, in, std::accumulate(outs.begin(), outs.end(), int64_t(0))));
  if (!whole.bias.empty() && typeInfo(whole.bias.type)->block != 1) {
    return fail(Err::unsupported, "the tensor " + quotedName(name + ".bias") + " is stored in blocks");
  }
  std::vector<Linear> parts;
  int64_t first = 0;
  for (const int64_t out : outs) {
    Linear part = whole;
    part.weight.off += uint64_t(first) * uint64_t(whole.weight.nb[1]);
    part.weight.ne[1] = out;
    if (!part.bias.empty()) {
      part.bias.off += uint64_t(first) * uint64_t(whole.bias.nb[0]);
      part.bias.ne[0] = out;
    }
    parts.push_back(part);
    first += out;
  }
  return parts;
}

void linear(GraphBuilder& g, const Linear& l, const TensorView& x, const TensorView& out, const TensorView& residual,
            bool wantedRows) {
  g.add({.kind = OpKind::matMul, .in = {x, l.weight, l.bias, residual}, .out = {out}, .p = {.wantedRows = wantedRows}});
}

void addLinear(GraphBuilder& g, const Linear& l, const TensorView& x, const TensorView& residual,
               const TensorView& norm, float normEps) {
  if (norm.empty()) return linear(g, l, x, residual, residual);
  const TensorView out = g.activation(l.weight.ne[1]);
  linear(g, l, x, out);
  rmsNorm(g, out, norm, out, normEps);
  g.add({.kind = OpKind::add, .in = {residual, out}, .out = {residual}});
}

}  // namespace lemma
