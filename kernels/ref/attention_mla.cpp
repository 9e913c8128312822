#include <algorithm>
#include <cmath>

#include "kernels/ref/parts.h"

namespace lemma::ref {
namespace {

// One head's matrix as floats, [ne[1]][ne[0]].
void decodeHead(const TensorView& v, int head, std::vector<float>& out) {
  std::vector<float> one;
  out.clear();
  for (int64_t i = 0; i < v.ne[1]; ++i) {
    decodeRow(v, i, one, head);
    out.insert(out.end(), one.begin(), one.end());
  }
}

}  // namespace

// The absorbed form: the query is brought into the latent space, attends there, and what it collects is brought back.
Result<void> attentionMla(const Op& op, const StepData& step, const CancelFlag& cancel) {
  const TensorView &pool = op.in[1], &keys = op.in[2], &values = op.in[3];
  const TypeInfo* type = typeInfo(pool.type);
  const int64_t nope = op.p.headDim - op.p.ropeDims, latent = pool.ne[0] - op.p.ropeDims;
  std::vector<float> keyMatrix, valueMatrix, cached(size_t(pool.ne[0])), absorbed(size_t(pool.ne[0])),
      collected(static_cast<size_t>(latent));
  std::vector<double> weight, sum(static_cast<size_t>(latent));
  for (int head = 0; head < op.p.heads; ++head) {
    decodeHead(keys, head, keyMatrix);
    decodeHead(values, head, valueMatrix);
    for (int r = 0; r < rowsOf(op, step); ++r) {
      if (cancel.load(std::memory_order_relaxed)) return cancelled();
      const int32_t seq = step.seqOfRow[r], pos = step.pos[r];
      const float* q = row(op.in[0], r) + int64_t(head) * op.p.headDim;
      for (int64_t c = 0; c < latent; ++c) {
        double x = 0;
        for (int64_t i = 0; i < nope; ++i) {
          x += double(q[i]) * double(keyMatrix[size_t(op.p.keysByLatent ? i * latent + c : c * nope + i)]);
        }
        absorbed[size_t(c)] = float(x);
      }
      std::copy_n(q + nope, op.p.ropeDims, absorbed.begin() + latent);

      weight.resize(size_t(pos) + 1);
      double largest = -INFINITY, total = 0;
      for (int32_t p = 0; p <= pos; ++p) {
        LEMMA_TRY(slot, kvSlot(op, pool, step, seq, p, 0));
        type->decode(slot, cached.data(), pool.ne[0]);
        weight[size_t(p)] = dot(absorbed.data(), cached.data(), pool.ne[0]) * double(op.p.scale);
        largest = std::max(largest, weight[size_t(p)]);
      }
      std::fill(sum.begin(), sum.end(), 0.0);
      for (int32_t p = 0; p <= pos; ++p) {
        const double w = std::exp(weight[size_t(p)] - largest);
        total += w;
        LEMMA_TRY(slot, kvSlot(op, pool, step, seq, p, 0));
        type->decode(slot, cached.data(), pool.ne[0]);
        for (size_t c = 0; c < sum.size(); ++c) sum[c] += w * double(cached[c]);
      }
      for (size_t c = 0; c < sum.size(); ++c) collected[c] = float(sum[c] / total);
      float* out = row(op.out[0], r) + int64_t(head) * op.p.vDim;
      for (int64_t i = 0; i < op.p.vDim; ++i) {
        out[i] = float(dot(valueMatrix.data() + i * latent, collected.data(), latent));
      }
    }
  }
  return {};
}

}  // namespace lemma::ref
