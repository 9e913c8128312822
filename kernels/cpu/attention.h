// Attention over the paged cache, online softmax in tiles of kKeyTile positions. Included once a target.
// Tiles lie at fixed positions of the sequence and each row meets them in order, so a row's result does not depend on
// the rows beside it. Many rows: matrix products over transposed keys; few rows: dot products, one part of the cache
// a call, merged afterwards.
#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

constexpr int64_t paddedTo(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// n values of a cached row as floats; out has room for whole vectors.
LEMMA_SIMD void loadCached(CacheType type, const std::byte* p, int64_t n, float* out) {
  if (type == CacheType::q8) {
    for (int64_t i = 0; i < n; i += 32, p += sizeof(Q8_0::Block)) {
      alignas(64) std::byte half[2 * kLanes] = {};
      memcpy(half, p, 2);
      alignas(64) float scale[kLanes];
      fstore(scale, loadHalf(half));
      const auto* q = reinterpret_cast<const int8_t*>(p + offsetof(Q8_0::Block, q));
      for (int j = 0; j < 32; ++j) out[i + j] = float(q[j]) * scale[0];
    }
    return;
  }
  int64_t i = 0;
  if (type == CacheType::f16) {
    for (; i + kLanes <= n; i += kLanes) fstore(out + i, ValuesF16::load(p + 2 * i));
    if (i < n) fstore(out + i, loadSomeOf<ValuesF16>(p + 2 * i, n - i));
  } else {
    for (; i + kLanes <= n; i += kLanes) fstore(out + i, ValuesF32::load(p + 4 * i));
    if (i < n) fstore(out + i, loadSomeOf<ValuesF32>(p + 4 * i, n - i));
  }
}

LEMMA_SIMD const std::byte* cached(const std::byte* pool, int64_t page, int64_t slot, const AttentionArgs& a,
                                   int32_t pos) {
  return pool + a.pages[pos / a.pageTokens] * page + (pos % a.pageTokens) * slot;
}

// Scores of one tile to weights, running maximum and total; returns what earlier sums must be multiplied by.
LEMMA_SIMD float softmaxTile(float* scores, int valid, float& largest, float& total) {
  const int whole = int(paddedTo(valid, kLanes));
  for (int i = valid; i < whole; ++i) scores[i] = -__builtin_inff();
  F top = fset(largest);
  for (int i = 0; i < whole; i += kLanes) top = fmax(top, fload(scores + i));
  const float before = largest;
  largest = hmax(top);
  F sum = fzero();
  for (int i = 0; i < whole; i += kLanes) {
    const F w = expOf(fsub(fload(scores + i), fset(largest)));
    fstore(scores + i, w);
    sum = fadd(sum, w);
  }
  const float scale = before == largest ? 1.0f : expOf(before - largest);
  total = total * scale + sumOf(sum);
  return scale;
}

constexpr float kLowest = -3.0e38f;  // below every score; e^(kLowest - score) is 0

static void attentionMany(const AttentionArgs& a) {
  const int64_t dim = paddedTo(a.headDim, 4), vDim = paddedTo(a.vDim, kLanes);
  const int queries = a.rows * a.group;
  float* const q = a.scratch;                                // [queries][dim], scaled
  float* const keys = q + queries * dim;                     // [dim][kKeyTile]
  float* const values = keys + dim * kKeyTile;               // [kKeyTile][vDim]
  float* const scores = values + kKeyTile * vDim;            // [queries][kKeyTile]
  float* const sums = scores + int64_t(queries) * kKeyTile;  // [queries][vDim]
  float* const largest = sums + queries * vDim;              // [queries]
  float* const total = largest + queries;                    // [queries]
  float* const four = total + queries;                       // [4][dim padded to a vector]
  const int64_t ldFour = paddedTo(dim, 32);

  for (int r = 0; r < a.rows; ++r) {
    for (int g = 0; g < a.group; ++g) {
      float* const to = q + (r * a.group + g) * dim;
      const float* const from = a.q + r * a.ldQ + g * int64_t(a.headDim);
      for (int64_t i = 0; i < a.headDim; ++i) to[i] = from[i] * a.scale;
      for (int64_t i = a.headDim; i < dim; ++i) to[i] = 0;
    }
  }
  for (int i = 0; i < queries; ++i) largest[i] = kLowest, total[i] = 0;
  for (int64_t i = 0; i < queries * vDim; ++i) sums[i] = 0;

  const int32_t end = a.firstPos + a.rows;
  for (int32_t tile = 0; tile < end; tile += kKeyTile) {
    const int count = end - tile < kKeyTile ? end - tile : kKeyTile;
    for (int i = 0; i < kKeyTile; i += 4) {
      for (int j = 0; j < 4; ++j) {
        float* const row = four + j * ldFour;
        if (i + j < count) {
          loadCached(a.kType, cached(a.kPool, a.kPage, a.kSlot, a, tile + i + j), a.headDim, row);
          for (int64_t d = a.headDim; d < dim; ++d) row[d] = 0;
        } else {
          for (int64_t d = 0; d < dim; ++d) row[d] = 0;
        }
      }
      for (int64_t d = 0; d < dim; d += 4) {
        __m128i in[4];
        for (int j = 0; j < 4; ++j) in[j] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(four + j * ldFour + d));
        transpose4(in, reinterpret_cast<std::byte*>(keys + d * kKeyTile + i), kKeyTile * 4);
      }
    }
    for (int i = 0; i < count; ++i) {
      float* const row = values + i * vDim;
      loadCached(a.vType, cached(a.vPool, a.vPage, a.vSlot, a, tile + i), a.vDim, row);
    }
    // Rows before the tile see nothing of it.
    const int firstRow = tile > a.firstPos ? tile - a.firstPos : 0;
    const int first = firstRow * a.group, some = queries - first;
    floatGemm(keys, kKeyTile, int(paddedTo(count, kLanes)), q + first * dim, dim, some, dim, scores + first * kKeyTile,
              kKeyTile, false);
    for (int i = first; i < queries; ++i) {
      const int32_t seen = a.firstPos + i / a.group - tile + 1;
      float* const row = scores + int64_t(i) * kKeyTile;
      const int valid = seen < count ? seen : count;
      for (int j = int(paddedTo(valid, kLanes)); j < count; ++j) row[j] = 0;
      const float scale = softmaxTile(row, valid, largest[i], total[i]);
      if (scale == 1.0f) continue;
      float* const sum = sums + i * vDim;
      for (int64_t d = 0; d < vDim; d += kLanes) fstore(sum + d, fmul(fload(sum + d), fset(scale)));
    }
    floatGemm(values, vDim, int(vDim), scores + first * kKeyTile, kKeyTile, some, count, sums + first * vDim, vDim,
              true);
  }
  for (int r = 0; r < a.rows; ++r) {
    for (int g = 0; g < a.group; ++g) {
      const int i = r * a.group + g;
      float* const to = a.out + r * a.ldOut + g * int64_t(a.vDim);
      for (int64_t d = 0; d < a.vDim; ++d) to[d] = sums[i * vDim + d] / total[i];
    }
  }
}

// One row against positions from..to; out: per head the weighted sum, the largest score and the total of weights.
static void attentionFew(const AttentionArgs& a) {
  const int64_t dim = paddedTo(a.headDim, kLanes), vDim = paddedTo(a.vDim, kLanes);
  float* const q = a.scratch;                                          // [group][dim], scaled
  float* const cache = q + a.group * dim;                              // [kKeyTile][dim or vDim]
  float* const scores = cache + kKeyTile * (dim > vDim ? dim : vDim);  // [group][kKeyTile]
  float* const sums = scores + a.group * kKeyTile;                     // [group][vDim]
  for (int g = 0; g < a.group; ++g) {
    for (int64_t i = 0; i < dim; ++i) q[g * dim + i] = i < a.headDim ? a.q[g * int64_t(a.headDim) + i] * a.scale : 0;
    float* const out = a.out + g * a.ldOut;
    out[a.vDim] = kLowest;
    out[a.vDim + 1] = 0;
    for (int64_t i = 0; i < vDim; ++i) sums[g * vDim + i] = 0;
  }
  for (int32_t tile = a.from; tile < a.to; tile += kKeyTile) {
    const int count = a.to - tile < kKeyTile ? a.to - tile : kKeyTile;
    const int whole = int(paddedTo(count, 4));
    for (int i = 0; i < whole; ++i) {
      const int32_t pos = tile + (i < count ? i : count - 1);
      loadCached(a.kType, cached(a.kPool, a.kPage, a.kSlot, a, pos), a.headDim, cache + i * dim);
    }
    for (int g = 0; g < a.group; ++g) {
      for (int i = 0; i < whole; i += 4) {
        F dot[4] = {fzero(), fzero(), fzero(), fzero()};
        for (int64_t d = 0; d < dim; d += kLanes) {
          const F x = fload(q + g * dim + d);
#pragma GCC unroll 4
          for (int j = 0; j < 4; ++j) dot[j] = fma(fload(cache + (i + j) * dim + d), x, dot[j]);
        }
        _mm_storeu_ps(scores + g * kKeyTile + i, sum4(dot[0], dot[1], dot[2], dot[3]));
      }
    }
    for (int i = 0; i < count; ++i) {
      loadCached(a.vType, cached(a.vPool, a.vPage, a.vSlot, a, tile + i), a.vDim, cache + i * vDim);
    }
    for (int g = 0; g < a.group; ++g) {
      float* const out = a.out + g * a.ldOut;
      float* const weights = scores + g * kKeyTile;
      const F scale = fset(softmaxTile(weights, count, out[a.vDim], out[a.vDim + 1]));
      const auto column = [&]<int kVecs>(int64_t d) __attribute__((always_inline)) {
        F sum[kVecs];
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) sum[v] = fmul(fload(sums + g * vDim + d + v * kLanes), scale);
        for (int i = 0; i < count; ++i) {
          const F w = fset(weights[i]);
#pragma GCC unroll 4
          for (int v = 0; v < kVecs; ++v) sum[v] = fma(fload(cache + i * vDim + d + v * kLanes), w, sum[v]);
        }
#pragma GCC unroll 4
        for (int v = 0; v < kVecs; ++v) fstore(sums + g * vDim + d + v * kLanes, sum[v]);
      };
      int64_t d = 0;
      for (; d + 4 * kLanes <= vDim; d += 4 * kLanes) column.template operator()<4>(d);
      for (; d < vDim; d += kLanes) column.template operator()<1>(d);
    }
  }
  for (int g = 0; g < a.group; ++g) {
    for (int64_t d = 0; d < a.vDim; ++d) a.out[g * a.ldOut + d] = sums[g * vDim + d];
  }
}

// count parts of one head, partStride floats apart, to its output.
static void attentionMerge(const float* parts, int64_t partStride, int count, int vDim, float* out) {
  float largest = kLowest;
  for (int i = 0; i < count; ++i) {
    const float top = parts[i * partStride + vDim];
    largest = top > largest ? top : largest;
  }
  float total = 0;
  for (int d = 0; d < vDim; ++d) out[d] = 0;
  for (int i = 0; i < count; ++i) {
    const float* const part = parts + i * partStride;
    const float weight = expOf(part[vDim] - largest);
    total += weight * part[vDim + 1];
    for (int d = 0; d < vDim; ++d) out[d] += weight * part[d];
  }
  for (int d = 0; d < vDim; ++d) out[d] /= total;
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
