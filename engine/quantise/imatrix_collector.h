// Gathers an importance matrix while a model reads text: LoadOptions::observer of the model. Owner: who feeds the
// model; the model's thread.
#pragma once

#include <unordered_map>

#include "engine/model.h"
#include "engine/quantise/imatrix.h"
#include "kernels/observe/observing_backend.h"

namespace lemma {

class ImatrixCollector : public ProductObserver {
 public:
  void product(const TensorView& weight, const TensorView& input, int rows) override;

  // What was gathered, by the names that `model`'s weights have.
  Imatrix imatrix(const Model& model) const;

 private:
  struct Sums {
    TensorView weight;
    std::vector<double> squares;
    double rows = 0;
  };
  std::unordered_map<const std::byte*, Sums> sums_;  // by where the weight lies
};

}  // namespace lemma
