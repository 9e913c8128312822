// A weight matrix with an optional bias, as every block uses them. Engine's thread.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "engine/blocks/graph.h"
#include "engine/memory/weights.h"

namespace lemma {

struct Linear {
  TensorView weight;  // {in, out}
  TensorView bias;    // {out} F32, or empty
};

enum class Bias : uint8_t { optional, required };

// `name`.weight of {in, out}, and `name`.bias where the file has it or the model needs it.
Result<Linear> bindLinear(const WeightStore& weights, const std::string& name, int64_t in, int64_t out,
                          Bias bias = Bias::optional);

// `name`.weight of {in, sum of outs}, several matrices one after another; its bias, where it has one, likewise.
Result<std::vector<Linear>> bindFused(const WeightStore& weights, const std::string& name, int64_t in,
                                      std::initializer_list<int64_t> outs);

// out[outputs, rows] = x * weight^T (+ bias) (+ residual); out may be the residual.
void linear(GraphBuilder& g, const Linear& l, const TensorView& x, const TensorView& out,
            const TensorView& residual = {}, bool wantedRows = false);

// residual += x * weight^T (+ bias), normalised before it is added where `norm` is not empty.
void addLinear(GraphBuilder& g, const Linear& l, const TensorView& x, const TensorView& residual,
               const TensorView& norm, float normEps);

}  // namespace lemma
