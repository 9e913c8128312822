#include "kernels/cpu/mla_phase.h"

#include <algorithm>
#include <cstring>

namespace lemma::cpu {
namespace {

constexpr int kExpandedRows = 2048;  // most rows that share one expansion of the cache

int64_t padded(int64_t n) { return roundUp(n, 32); }

// One head's matrix as floats [n][k], or transposed [k][ld].
void decodeMatrix(const TensorView& v, float* out) {
  for (int64_t i = 0; i < v.ne[1]; ++i) {
    decodeRow(v, i, 0, v.ne[0], out + i * v.ne[0]);
  }
}

void decodeTransposed(const TensorView& v, float* row, float* out, int64_t ld) {
  for (int64_t i = 0; i < v.ne[1]; ++i) {
    decodeRow(v, i, 0, v.ne[0], row);
    for (int64_t j = 0; j < v.ne[0]; ++j) out[j * ld + i] = row[j];
  }
}

// A worker's memory for a mat-vec of up to kFewRows rows of k values to n outputs.
struct FewScratch {
  std::byte* acts = nullptr;
  float *row = nullptr, *out = nullptr, *decoded = nullptr;
  std::byte* matVec = nullptr;
  int64_t bytes = 0;
};

FewScratch fewScratch(std::byte* memory, int64_t k, int64_t n, const ActLayout& layout) {
  FewScratch s;
  const auto take = [&](int64_t bytes) {
    std::byte* const p = memory + s.bytes;
    s.bytes += roundUp(bytes, 64);
    return p;
  };
  s.acts = take(std::max(layout.stride, padded(k) * 4) * kFewRows);
  s.row = reinterpret_cast<float*>(take(padded(std::max(k, n)) * 4));
  s.out = reinterpret_cast<float*>(take(padded(n) * kFewRows * 4));
  s.decoded = reinterpret_cast<float*>(take(decodedBytes(std::max(k, n))));
  s.matVec = take(kMatVecScratch);
  return s;
}

// Rows made by `rowOf(r)` times the matrix, results to s.out [rows][padded(n)].
template <class RowOf>
void multiplyRows(const KernelTable& kernels, const Matrix& m, const ActLayout& layout, int rows, const FewScratch& s,
                  const RowOf& rowOf) {
  const bool bytes = m.format->acts == Acts::bytes;
  const int64_t stride = bytes ? layout.stride : padded(m.k) * 4;
  for (int r = 0; r < rows; ++r) {
    std::byte* const acts = s.acts + r * stride;
    if (bytes) {
      kernels.quantize(rowOf(r), 0, layout.blocks, layout, acts);
    } else {
      std::memcpy(acts, rowOf(r), size_t(m.k) * 4);
    }
  }
  multiplyFew(m, 0, m.n,
              {.acts = s.acts,
               .layout = &layout,
               .actStride = stride,
               .tokens = rows,
               .out = s.out,
               .ldOut = padded(m.n),
               .scratch = s.matVec},
              s.decoded);
}

}  // namespace

void MlaLayer::bringHome(const std::vector<Matrix>& matrices, const Run& run, int head) const {
  const Matrix& m = matrices[size_t(head)];
  if (m.home) m.home->bring(run.shares->nodeOfPart(heads, head), 0, m.n, *run.cancel);
}

size_t MlaAbsorbPhase::scratchBytes() const {
  return size_t(fewScratch(nullptr, layer->nope(), layer->latent, layer->nopeLayout).bytes);
}

void MlaAbsorbPhase::run(const Run& run, int head, Worker& worker) const {
  worker.prepared = -1;
  const MlaLayer& l = *layer;
  const int rows = run.step->rows;
  l.bringHome(l.keys, run, head);
  const FewScratch s = fewScratch(worker.scratch, l.nope(), l.latent, l.nopeLayout);
  const auto query = [&](int r) { return l.q.row(r) + int64_t(head) * l.headDim; };
  const auto absorbed = [&](int r) { return l.absorbed.row(r) + head * (l.latent + l.ropeDims); };
  if (l.keysByLatent) {
    for (int r = 0; r < rows; ++r) std::memset(absorbed(r), 0, size_t(l.latent) * 4);
    const TensorView& view = l.keyViews[size_t(head)];
    for (int i = 0; i < l.nope(); ++i) {
      decodeRow(view, i, 0, l.latent, s.row);
      for (int r = 0; r < rows; ++r) {
        const float x = query(r)[i];
        float* const to = absorbed(r);
        for (int64_t c = 0; c < l.latent; ++c) to[c] += x * s.row[c];
      }
    }
  } else {
    multiplyRows(*l.kernels, l.keys[size_t(head)], l.nopeLayout, rows, s, query);
    for (int r = 0; r < rows; ++r) std::memcpy(absorbed(r), s.out + r * padded(l.latent), size_t(l.latent) * 4);
  }
  for (int r = 0; r < rows; ++r) std::memcpy(absorbed(r) + l.latent, query(r) + l.nope(), size_t(l.ropeDims) * 4);
}

size_t MlaValuePhase::scratchBytes() const {
  return size_t(fewScratch(nullptr, layer->latent, layer->vDim, layer->latentLayout).bytes);
}

void MlaValuePhase::run(const Run& run, int head, Worker& worker) const {
  worker.prepared = -1;
  const MlaLayer& l = *layer;
  const int rows = run.step->rows;
  l.bringHome(l.values, run, head);
  const FewScratch s = fewScratch(worker.scratch, l.latent, l.vDim, l.latentLayout);
  multiplyRows(*l.kernels, l.values[size_t(head)], l.latentLayout, rows, s, [&](int r) {
    attention->mergeHead(run, r, head, s.row);
    return s.row;
  });
  for (int r = 0; r < rows; ++r) {
    std::memcpy(l.out.row(r) + int64_t(head) * l.vDim, s.out + r * padded(l.vDim), size_t(l.vDim) * 4);
  }
}

size_t MlaExpandedPhase::scratchBytes() const {
  const MlaLayer& l = *layer;
  const int64_t cache = padded(l.latent + l.ropeDims), v = padded(l.vDim), nope = padded(l.nope());
  const int64_t queries = std::min(l.mostRows, kExpandedRows);
  const int64_t matrices = roundUp(l.nope() * l.latent, 16) + l.latent * v + padded(std::max<int64_t>(l.latent, nope));
  if (l.pool.cache == CacheType::f32) {
    const int64_t tile = kKeyTile * (2 * cache + padded(l.headDim) + v) + 5 * cache;
    return size_t((matrices + tile) * 4 + floatsScratch(queries, l.headDim, l.vDim)) + 4096;
  }
  const int64_t tile = kKeyTile * (cache / 2 + nope + padded(l.ropeDims) + 16 + v + 1) + cache + 32;
  const int64_t words = cache / 2 * (nope + v) + nope + v;  // the matrices once more
  return size_t((matrices + tile + words) * 4 + wordsScratch(queries, l.headDim, l.vDim)) + 4096;
}

void MlaExpandedPhase::run(const Run& run, int head, Worker& worker) const {
  worker.prepared = -1;
  const MlaLayer& l = *layer;
  const StepData& step = *run.step;
  const int64_t ldValues = padded(l.vDim);
  l.bringHome(l.keys, run, head);
  l.bringHome(l.values, run, head);
  auto* const keys = reinterpret_cast<float*>(worker.scratch);    // [nope][latent]
  float* const values = keys + roundUp(l.nope() * l.latent, 16);  // [latent][ldValues]
  float* const row = values + l.latent * ldValues;
  float* const scratch = row + padded(std::max<int64_t>(l.latent, l.nope()));
  if (l.keysByLatent) {
    decodeMatrix(l.keyViews[size_t(head)], keys);
  } else {
    decodeTransposed(l.keyViews[size_t(head)], row, keys, l.latent);
  }
  if (l.pool.cache == CacheType::f32) {
    std::memset(values, 0, size_t(l.latent * ldValues) * 4);
    decodeTransposed(l.valueViews[size_t(head)], row, values, ldValues);
  } else {
    decodeMatrix(l.valueViews[size_t(head)], values);
  }

  for (int first = 0; first < step.rows;) {
    int count = 1;
    while (first + count < step.rows && count < kExpandedRows && step.seqOfRow[first + count] == step.seqOfRow[first] &&
           step.pos[first + count] == step.pos[first] + count) {
      ++count;
    }
    l.kernels->attentionExpanded(
        {.q = l.q.row(first) + int64_t(head) * l.headDim,
         .ldQ = l.q.stride,
         .rows = count,
         .group = 1,
         .headDim = l.headDim,
         .vDim = l.vDim,
         .scale = l.scale,
         .kType = l.pool.cache,
         .kPool = l.pool.data,
         .kPage = l.pool.page,
         .kSlot = l.pool.slot,
         .pageTokens = l.pool.pageTokens,
         .pages = step.pageTable + int64_t(step.seqOfRow[first]) * step.pageTableStride,
         .firstPos = step.pos[first],
         .out = l.out.row(first) + int64_t(head) * l.vDim,
         .ldOut = l.out.stride,
         .scratch = scratch},
        {.latent = l.latent, .ropeDims = l.ropeDims, .keys = keys, .values = values, .ldValues = ldValues});
    first += count;
  }
}

}  // namespace lemma::cpu
