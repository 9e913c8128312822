// The op list of a llama-shaped model with random weights, for tests and timings of backends without an engine.
// Owns its buffers on the backend it was made for. Test code only.
#pragma once

#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/api/backend.h"
#include "tests/support/random_blocks.h"

namespace lemma::test {

struct LlamaShape {
  int layers = 30, width = 576, hidden = 1536, heads = 9, kvHeads = 3, headDim = 64, vocabulary = 49152;
  Type matrices = Type::Q4_1, head = Type::Q8_0, cache = Type::F16;
  int pageTokens = 64, pages = 16;
};

class LlamaOps {
 public:
  LlamaOps(Backend& backend, const LlamaShape& shape, int rows, int wanted) : backend_(backend), shape_(shape) {
    const LlamaShape& s = shape_;
    const int64_t q = int64_t(s.heads) * s.headDim, kv = int64_t(s.kvHeads) * s.headDim;
    TensorView x = floats({s.width, rows}), y = floats({s.width, rows}), qs = floats({q, rows});
    TensorView ks = floats({kv, rows}), vs = floats({kv, rows}), attended = floats({q, rows});
    TensorView gate = floats({s.hidden, rows}), up = floats({s.hidden, rows});
    TensorView last = floats({s.width, wanted});
    logits = floats({s.vocabulary, wanted});
    residual = x;
    const TensorView norm = weight(Type::F32, s.width, 1), frequency = floats({s.headDim / 2, 1});
    for (int i = 0; i < s.headDim / 2; ++i) {
      reinterpret_cast<float*>(frequency.data())[i] = std::pow(10000.0f, -2.0f * float(i) / float(s.headDim));
    }
    const TensorView frequencies = contiguous(frequency.buf, 0, Type::F32, {s.headDim / 2});
    const TensorView norm1 = contiguous(norm.buf, 0, Type::F32, {s.width});
    const TensorView embedding = weight(s.head, s.width, s.vocabulary);
    const auto add = [&](OpKind kind, std::array<TensorView, 4> in, std::array<TensorView, 2> out, OpParams p = {}) {
      ops.push_back({.kind = kind, .in = in, .out = out, .p = p});
    };
    const OpParams rope{.heads = s.heads, .headDim = s.headDim, .ropeDims = s.headDim};
    const OpParams ropeKeys{.heads = s.kvHeads, .headDim = s.headDim, .ropeDims = s.headDim};
    const OpParams attention{.scale = 1 / std::sqrt(float(s.headDim)),
                             .heads = s.heads,
                             .kvHeads = s.kvHeads,
                             .headDim = s.headDim,
                             .vDim = s.headDim};
    add(OpKind::embed, {embedding}, {x});
    for (int l = 0; l < s.layers; ++l) {
      const TensorView kPool = cache(), vPool = cache();
      add(OpKind::rmsNorm, {x, norm1}, {y}, {.eps = 1e-5f});
      add(OpKind::matMul, {y, weight(s.matrices, s.width, q)}, {qs});
      add(OpKind::matMul, {y, weight(s.matrices, s.width, kv)}, {ks});
      add(OpKind::matMul, {y, weight(s.matrices, s.width, kv)}, {vs});
      add(OpKind::rope, {qs, frequencies}, {qs}, rope);
      add(OpKind::rope, {ks, frequencies}, {ks}, ropeKeys);
      add(OpKind::kvWrite, {ks, vs}, {kPool, vPool}, attention);
      add(OpKind::attention, {qs, kPool, vPool}, {attended}, attention);
      add(OpKind::matMul, {attended, weight(s.matrices, q, s.width), {}, x}, {x});
      add(OpKind::rmsNorm, {x, norm1}, {y}, {.eps = 1e-5f});
      add(OpKind::matMul, {y, weight(s.matrices, s.width, s.hidden)}, {gate});
      add(OpKind::matMul, {y, weight(s.matrices, s.width, s.hidden)}, {up});
      add(OpKind::glu, {gate, up}, {gate});
      add(OpKind::matMul, {gate, weight(s.matrices, s.hidden, s.width), {}, x}, {x});
    }
    add(OpKind::selectRows, {x}, {last}, {.wantedRows = true});
    add(OpKind::rmsNorm, {last, norm1}, {last}, {.eps = 1e-5f, .wantedRows = true});
    add(OpKind::matMul, {last, embedding}, {logits}, {.wantedRows = true});
    program = take(backend.compile(ops, {.rows = rows, .wanted = wanted}));
    for (int i = 0; i < s.pages; ++i) pageTable_.push_back(i);
  }

  // Rows at positions from..from+rows, the last `wanted` of them wanted.
  StepData step(int from, int rows, int wanted) {
    tokens_.resize(size_t(rows));
    pos_.resize(size_t(rows));
    seq_.assign(size_t(rows), 0);
    wantedRows_.resize(size_t(wanted));
    for (int r = 0; r < rows; ++r) {
      pos_[size_t(r)] = from + r;
      tokens_[size_t(r)] = int((int64_t(from + r) * 7919 + 13) % shape_.vocabulary);
    }
    for (int w = 0; w < wanted; ++w) wantedRows_[size_t(w)] = rows - wanted + w;
    return {.rows = rows,
            .wanted = wanted,
            .tokens = tokens_.data(),
            .pos = pos_.data(),
            .seqOfRow = seq_.data(),
            .pageTable = pageTable_.data(),
            .pageTableStride = int32_t(pageTable_.size()),
            .wantedRows = wantedRows_.data()};
  }

  Result<void> run(int from, int rows, int wanted, const CancelFlag& cancel) {
    LEMMA_TRY(fence, backend_.submit(*program, step(from, rows, wanted), {}, cancel));
    return backend_.wait(fence, kNoDeadline);
  }
  Result<void> run(int from, int rows, int wanted) { return run(from, rows, wanted, go_); }

  const float* logitsOf(int wantedRow) const {
    return reinterpret_cast<const float*>(logits.data() + wantedRow * logits.nb[1]);
  }

  // The same weights and cache with room for other row counts.
  std::unique_ptr<Program> compile(RowBucket bucket) { return take(backend_.compile(ops, bucket)); }

  std::vector<Op> ops;
  std::unique_ptr<Program> program;
  TensorView logits, residual;
  uint64_t weightBytes = 0;

 private:
  template <class T>
  static T take(Result<T> r) {
    if (!r) throw std::runtime_error(r.error().what);
    return std::move(*r);
  }
  TensorView floats(std::initializer_list<int64_t> ne) {
    int64_t n = 4;
    for (int64_t d : ne) n *= d;
    return contiguous(take(backend_.alloc(uint64_t(n), Space::host, Usage::activations)), 0, Type::F32, ne);
  }
  TensorView cache() {
    const auto bytes =
        *rowBytes(shape_.cache, shape_.headDim) * uint64_t(shape_.pageTokens * shape_.kvHeads * shape_.pages);
    return contiguous(take(backend_.alloc(bytes, Space::host, Usage::kvCache)), 0, shape_.cache,
                      {shape_.headDim, shape_.pageTokens, shape_.kvHeads, shape_.pages});
  }
  // Encoding all of a large matrix takes long: rows repeat after 61.
  TensorView weight(Type type, int64_t k, int64_t n) {
    const TypeInfo& info = *typeInfo(type);
    const uint64_t row = *rowBytes(type, k);
    const BufferRef buf = take(backend_.alloc(row * uint64_t(n), Space::host, Usage::weights));
    std::vector<float> values(static_cast<size_t>(k));
    for (int64_t i = 0; i < n; ++i) {
      std::byte* const to = buf.host + uint64_t(i) * row;
      if (i >= 61) {
        std::memcpy(to, to - 61 * row, row);
        continue;
      }
      if (drawsBlocks(info)) {
        if (i == 0) randomBlocks(info, k * std::min<int64_t>(n, 61), 1.0f / std::sqrt(float(k)), random_, to);
        continue;
      }
      for (float& v : values) v = (float(random_() >> 8) * 0x1p-23f - 1) * 1.7f / std::sqrt(float(k));
      if (n == 1) values.assign(size_t(k), 1.0f);
      info.encode(values.data(), to, k);
    }
    weightBytes += row * uint64_t(n);
    return take(backend_.prepare(contiguous(buf, 0, type, {k, n})));
  }

  Backend& backend_;
  LlamaShape shape_;
  std::mt19937 random_{7};
  CancelFlag go_{false};
  std::vector<int32_t> tokens_, pos_, seq_, pageTable_, wantedRows_;
};

}  // namespace lemma::test
