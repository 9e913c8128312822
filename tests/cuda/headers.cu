// Compiled, never run: nvcc reads the interface of a backend and instantiates Result, on the host side.
#include "kernels/api/backend.h"
#include "kernels/api/backend_list.h"
#include "kernels/api/op.h"
#include "kernels/api/result.h"
#include "kernels/api/tensor_view.h"
#include "kernels/api/type.h"

namespace lemma {

Result<int> halved(Result<int> value) {
  LEMMA_TRY(number, std::move(value));
  if (number % 2 != 0) return fail(Err::badValue, "odd");
  return number / 2;
}

}  // namespace lemma
