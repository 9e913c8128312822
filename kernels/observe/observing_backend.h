// Another backend with somebody looking on: what goes into each matrix product is shown while a program runs, those of
// experts too. For measuring, not for speed: programs are cut in front of products, what goes into the experts' last
// matrices is computed once more, and submit returns when all is done.
// Owner and threads as for Backend; the observer is called from submit, on its thread.
#pragma once

#include <memory>
#include <span>

#include "kernels/api/backend.h"

namespace lemma {

class ProductObserver {
 public:
  virtual ~ProductObserver() = default;
  // `input` is F32 {columns, at least `rows`} in host memory; `weight` is the product's matrix.
  virtual void product(const TensorView& weight, const TensorView& input, int rows) = 0;
};

// `inner` must have host memory. `observer` must outlive the backend.
std::unique_ptr<Backend> observed(std::unique_ptr<Backend> inner, ProductObserver& observer);

}  // namespace lemma
