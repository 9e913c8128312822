#include "kernels/ref/parts.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/api/op_check.h"

namespace lemma::ref {
namespace {

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

}  // namespace

tl::unexpected<Error> cancelled() { return fail(Err::cancelled, "the work was cancelled"); }

tl::unexpected<Error> outside(const Op& op, const char* what, int64_t value) {
  return fail(Err::badValue,
              "op " + std::string(name(op.kind)) + ": " + what + " " + std::to_string(value) + " is outside its table");
}

void decodeRow(const TensorView& v, int64_t i, std::vector<float>& out, int64_t plane) {
  out.resize(size_t(v.ne[0]));
  lemma::decodeRow(planeOf(v, plane), i, 0, v.ne[0], out.data());
}

float gated(Gate kind, float g, float u) {
  switch (kind) {
    case Gate::silu:
      return g * sigmoid(g) * u;
    case Gate::geluTanh:
      return 0.5f * g * (1.0f + std::tanh(0.79788456f * (g + 0.044715f * g * g * g))) * u;
    case Gate::clampedSwish: {
      const float bounded = std::min(g, 7.0f);
      return bounded * sigmoid(1.702f * bounded) * (std::clamp(u, -7.0f, 7.0f) + 1.0f);
    }
    case Gate::sigmoid:
      return sigmoid(g) * u;
  }
  return 0;
}

// Eight running sums, so that the compiler can keep several additions in flight; their order is fixed.
double dot(const float* a, const float* b, int64_t n) {
  double sum[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; ++j) sum[j] += double(a[i + j]) * double(b[i + j]);
  }
  for (; i < n; ++i) sum[0] += double(a[i]) * double(b[i]);
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

Result<std::byte*> kvSlot(const Op& op, const TensorView& pool, const StepData& step, int32_t seq, int32_t pos,
                          int head) {
  const int64_t index = pos / pool.ne[1];
  if (pos < 0 || index >= step.pageTableStride) return outside(op, "position", pos);
  const int32_t page = step.pageTable[int64_t(seq) * step.pageTableStride + index];
  if (page < 0 || page >= pool.ne[3]) return outside(op, "page", page);
  return pool.data() + page * pool.nb[3] + head * pool.nb[2] + (pos % pool.ne[1]) * pool.nb[1];
}

}  // namespace lemma::ref
