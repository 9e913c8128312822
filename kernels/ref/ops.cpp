#include "kernels/ref/ops.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/ref/parts.h"

namespace lemma::ref {
namespace {

Result<void> embed(const Op& op, const StepData& step) {
  const TensorView& table = op.in[0];
  for (int r = 0; r < step.rows; ++r) {
    const int32_t token = step.tokens[r];
    if (token < 0 || token >= table.ne[1]) return outside(op, "token", token);
    float* out = row(op.out[0], r);
    lemma::decodeRow(table, token, 0, table.ne[0], out);
    for (int64_t i = 0; i < table.ne[0]; ++i) out[i] *= op.p.scale;
  }
  return {};
}

Result<void> rmsNorm(const Op& op, const StepData& step) {
  std::vector<float> weight;
  decodeRow(op.in[1], 0, weight);
  const int64_t dim = op.in[1].ne[0];
  for (int r = 0; r < rowsOf(op, step); ++r) {
    for (int64_t head = 0; head < op.in[0].ne[0]; head += dim) {
      const float* in = row(op.in[0], r) + head;
      float* out = row(op.out[0], r) + head;
      const float scale = float(1.0 / std::sqrt(dot(in, in, dim) / double(dim) + double(op.p.eps)));
      for (int64_t i = 0; i < dim; ++i) out[i] = in[i] * scale * weight[size_t(i)];
    }
  }
  return {};
}

Result<void> matMul(const Op& op, const StepData& step, const CancelFlag& cancel) {
  std::vector<float> weight, bias;
  if (!op.in[2].empty()) decodeRow(op.in[2], 0, bias);
  for (int64_t n = 0; n < op.in[1].ne[1]; ++n) {
    if (cancel.load(std::memory_order_relaxed)) return cancelled();
    decodeRow(op.in[1], n, weight);
    for (int r = 0; r < rowsOf(op, step); ++r) {
      double sum = dot(row(op.in[0], r), weight.data(), op.in[1].ne[0]);
      if (!bias.empty()) sum += double(bias[size_t(n)]);
      if (!op.in[3].empty()) sum += double(row(op.in[3], r)[n]);
      row(op.out[0], r)[n] = float(sum);
    }
  }
  return {};
}

Result<void> rope(const Op& op, const StepData& step) {
  const float* frequency = row(op.in[1], 0);
  const int half = op.p.ropeDims / 2;
  const bool interleaved = op.p.ropeStyle == RopeStyle::interleaved;
  for (int r = 0; r < rowsOf(op, step); ++r) {
    for (int head = 0; head < op.p.heads; ++head) {
      float* x = row(op.in[0], r) + int64_t(head) * op.p.headDim + op.p.ropeFrom;
      for (int i = 0; i < half; ++i) {
        const float angle = float(step.pos[r]) * frequency[i];
        const float c = std::cos(angle) * op.p.scale, s = std::sin(angle) * op.p.scale;
        float& a = x[interleaved ? 2 * i : i];
        float& b = x[interleaved ? 2 * i + 1 : i + half];
        const float turnedA = a * c - b * s, turnedB = a * s + b * c;
        a = turnedA;
        b = turnedB;
      }
    }
  }
  return {};
}

Result<void> kvWrite(const Op& op, const StepData& step) {
  for (int which = 0; which < (op.p.vDim > 0 ? 2 : 1); ++which) {  // K, then V
    const TensorView &in = op.in[size_t(which)], &pool = op.out[size_t(which)];
    const TypeInfo* type = typeInfo(pool.type);
    for (int r = 0; r < step.rows; ++r) {
      for (int head = 0; head < op.p.kvHeads; ++head) {
        LEMMA_TRY(slot, kvSlot(op, pool, step, step.seqOfRow[r], step.pos[r], head));
        type->encode(row(in, r) + head * pool.ne[0], slot, pool.ne[0]);
      }
    }
  }
  return {};
}

Result<void> attention(const Op& op, const StepData& step, const CancelFlag& cancel) {
  const TensorView &kPool = op.in[1], &vPool = op.in[2];
  const TypeInfo *kType = typeInfo(kPool.type), *vType = typeInfo(vPool.type);
  const int headsPerKv = op.p.heads / op.p.kvHeads;
  std::vector<float> k(size_t(op.p.headDim)), v(size_t(op.p.vDim));
  std::vector<double> weight, sum(v.size());
  std::vector<float> sinks;
  if (!op.in[3].empty()) decodeRow(op.in[3], 0, sinks);
  for (int r = 0; r < rowsOf(op, step); ++r) {
    const int32_t seq = step.seqOfRow[r], pos = step.pos[r];
    const int32_t first = op.p.window > 0 ? std::max(0, pos - op.p.window + 1) : 0;
    weight.resize(size_t(pos) + 1);
    for (int head = 0; head < op.p.heads; ++head) {
      if (cancel.load(std::memory_order_relaxed)) return cancelled();
      const float* q = row(op.in[0], r) + int64_t(head) * op.p.headDim;
      double largest = sinks.empty() ? -INFINITY : double(sinks[size_t(head)]);
      for (int32_t p = first; p <= pos; ++p) {
        LEMMA_TRY(slot, kvSlot(op, kPool, step, seq, p, head / headsPerKv));
        kType->decode(slot, k.data(), op.p.headDim);
        weight[size_t(p)] = dot(q, k.data(), op.p.headDim) * double(op.p.scale);
        largest = std::max(largest, weight[size_t(p)]);
      }
      double total = sinks.empty() ? 0 : std::exp(double(sinks[size_t(head)]) - largest);
      std::fill(sum.begin(), sum.end(), 0.0);
      for (int32_t p = first; p <= pos; ++p) {
        const double w = std::exp(weight[size_t(p)] - largest);
        total += w;
        LEMMA_TRY(slot, kvSlot(op, vPool, step, seq, p, head / headsPerKv));
        vType->decode(slot, v.data(), op.p.vDim);
        for (size_t i = 0; i < v.size(); ++i) sum[i] += w * double(v[i]);
      }
      float* out = row(op.out[0], r) + int64_t(head) * op.p.vDim;
      for (size_t i = 0; i < v.size(); ++i) out[i] = float(sum[i] / total);
    }
  }
  return {};
}

Result<void> glu(const Op& op, const StepData& step) {
  const int64_t gateStep = op.in[0].ne[0] == op.out[0].ne[0] ? 1 : 0;
  for (int r = 0; r < rowsOf(op, step); ++r) {
    const float *gate = row(op.in[0], r), *up = row(op.in[1], r);
    float* out = row(op.out[0], r);
    for (int64_t i = 0; i < op.out[0].ne[0]; ++i) out[i] = gated(op.p.gate, gate[i * gateStep], up[i]);
  }
  return {};
}

Result<void> add(const Op& op, const StepData& step) {
  for (int r = 0; r < rowsOf(op, step); ++r) {
    const float *a = row(op.in[0], r), *b = row(op.in[1], r);
    float* out = row(op.out[0], r);
    for (int64_t i = 0; i < op.out[0].ne[0]; ++i) out[i] = a[i] + b[i];
  }
  return {};
}

Result<void> selectRows(const Op& op, const StepData& step) {
  for (int w = 0; w < step.wanted; ++w) {
    const int32_t from = step.wantedRows[w];
    if (from < 0 || from >= step.rows) return outside(op, "row", from);
    std::copy_n(row(op.in[0], from), op.out[0].ne[0], row(op.out[0], w));
  }
  return {};
}

}  // namespace

Result<void> run(const Op& op, const StepData& step, const CancelFlag& cancel) {
  if (cancel.load(std::memory_order_relaxed)) return cancelled();
  switch (op.kind) {
    case OpKind::embed:
      return embed(op, step);
    case OpKind::rmsNorm:
      return rmsNorm(op, step);
    case OpKind::matMul:
      return matMul(op, step, cancel);
    case OpKind::rope:
      return rope(op, step);
    case OpKind::kvWrite:
      return kvWrite(op, step);
    case OpKind::attention:
      return attention(op, step, cancel);
    case OpKind::attentionMla:
      return attentionMla(op, step, cancel);
    case OpKind::route:
      return route(op, step);
    case OpKind::moeFfn:
      return moeFfn(op, step, cancel);
    case OpKind::chooseExperts:
      return {};  // all experts are read where their views say
    case OpKind::glu:
      return glu(op, step);
    case OpKind::add:
      return add(op, step);
    case OpKind::selectRows:
      return selectRows(op, step);
  }
  return fail(Err::unsupported, "the reference backend does not know this op");
}

}  // namespace lemma::ref
