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

// Scores first..valid of one tile to weights, the others to 0; running maximum and total. Returns what earlier sums
// must be multiplied by.
LEMMA_SIMD float softmaxTile(float* scores, int first, int valid, float& largest, float& total) {
  const int whole = int(paddedTo(valid, kLanes));
  for (int i = 0; i < first; ++i) scores[i] = -__builtin_inff();
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

// What many rows keep while they meet one tile after another.
struct ManyRows {
  int queries = 0, vDim = 0;  // vDim: whole vectors
  int64_t dim = 0;            // of a query, a multiple of 4
  float* q = nullptr;         // [queries][dim], scaled
  float* scores = nullptr;    // [queries][kKeyTile]
  float* sums = nullptr;      // [queries][vDim]
  float* largest = nullptr;   // [queries]
  float* total = nullptr;     // [queries]
};

// Lays them out from `at` on, and moves it behind them.
static ManyRows beginMany(const AttentionArgs& a, float*& at) {
  ManyRows m{.queries = a.rows * a.group, .vDim = int(paddedTo(a.vDim, kLanes)), .dim = paddedTo(a.headDim, 4)};
  const auto take = [&](int64_t n) {
    float* const p = at;
    at += paddedTo(n, 16);
    return p;
  };
  m.q = take(m.queries * m.dim);
  m.scores = take(int64_t(m.queries) * kKeyTile);
  m.sums = take(int64_t(m.queries) * m.vDim);
  m.largest = take(m.queries);
  m.total = take(m.queries);
  for (int r = 0; r < a.rows; ++r) {
    for (int g = 0; g < a.group; ++g) {
      float* const to = m.q + (r * a.group + g) * m.dim;
      const float* const from = a.q + r * a.ldQ + g * int64_t(a.headDim);
      for (int64_t i = 0; i < a.headDim; ++i) to[i] = from[i] * a.scale;
      for (int64_t i = a.headDim; i < m.dim; ++i) to[i] = 0;
    }
  }
  for (int i = 0; i < m.queries; ++i) {  // a sink is a score that came before all others
    m.largest[i] = a.sinks ? a.sinks[i % a.group] : kLowest;
    m.total[i] = a.sinks ? 1 : 0;
  }
  for (int64_t i = 0; i < int64_t(m.queries) * m.vDim; ++i) m.sums[i] = 0;
  return m;
}

// Positions that a row sees; as many as there are where a has no window.
LEMMA_SIMD int32_t windowOf(const AttentionArgs& a) { return a.window > 0 ? a.window : a.firstPos + a.rows; }

// `count` positions from `tile` on: keys [dim][kKeyTile], values [count][vDim].
static void meetTile(const AttentionArgs& a, const ManyRows& m, int32_t tile, int count, const float* keys,
                     const float* values) {
  // Rows before the tile see nothing of it, nor do those whose window begins behind it.
  const int32_t window = windowOf(a);
  const int firstRow = tile > a.firstPos ? tile - a.firstPos : 0;
  const int64_t behind = int64_t(tile) + count - 1 + window - a.firstPos;
  const int endRow = behind < a.rows ? int(behind) : a.rows;
  const int first = firstRow * a.group, last = endRow * a.group, some = last - first;
  floatGemm(keys, kKeyTile, int(paddedTo(count, kLanes)), m.q + first * m.dim, m.dim, some, m.dim,
            m.scores + first * kKeyTile, kKeyTile, false);
  for (int i = first; i < last; ++i) {
    const int32_t seen = a.firstPos + i / a.group - tile + 1;
    float* const row = m.scores + int64_t(i) * kKeyTile;
    const int valid = seen < count ? seen : count;
    for (int j = int(paddedTo(valid, kLanes)); j < count; ++j) row[j] = 0;
    const float scale = softmaxTile(row, seen > window ? seen - window : 0, valid, m.largest[i], m.total[i]);
    if (scale == 1.0f) continue;
    float* const sum = m.sums + int64_t(i) * m.vDim;
    for (int64_t d = 0; d < m.vDim; d += kLanes) fstore(sum + d, fmul(fload(sum + d), fset(scale)));
  }
  floatGemm(values, m.vDim, m.vDim, m.scores + first * kKeyTile, kKeyTile, some, count,
            m.sums + int64_t(first) * m.vDim, m.vDim, true);
}

static void endMany(const AttentionArgs& a, const ManyRows& m) {
  for (int r = 0; r < a.rows; ++r) {
    for (int g = 0; g < a.group; ++g) {
      const int i = r * a.group + g;
      float* const to = a.out + r * a.ldOut + g * int64_t(a.vDim);
      for (int64_t d = 0; d < a.vDim; ++d) to[d] = m.sums[int64_t(i) * m.vDim + d] / m.total[i];
    }
  }
}

// Rows of `width` values of the K pool at `count` positions from `tile` on, as columns: out [width padded to 4]
// [kKeyTile], zero behind the last. Where `rows` is given they are kept there too, ldRows floats apart.
static void loadColumns(const AttentionArgs& a, int32_t tile, int count, int64_t width, float* four, float* out,
                        float* rows, int64_t ldRows) {
  const int64_t dim = paddedTo(width, 4), ldFour = paddedTo(width, 32);
  for (int i = 0; i < kKeyTile; i += 4) {
    for (int j = 0; j < 4; ++j) {
      float* const row = four + j * ldFour;
      if (i + j < count) {
        loadCached(a.kType, cached(a.kPool, a.kPage, a.kSlot, a, tile + i + j), width, row);
        for (int64_t d = width; d < dim; ++d) row[d] = 0;
        if (rows) memcpy(rows + (i + j) * ldRows, row, size_t(width) * 4);
      } else {
        for (int64_t d = 0; d < dim; ++d) row[d] = 0;
      }
    }
    for (int64_t d = 0; d < dim; d += 4) {
      __m128i in[4];
      for (int j = 0; j < 4; ++j) in[j] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(four + j * ldFour + d));
      transpose4(in, reinterpret_cast<std::byte*>(out + d * kKeyTile + i), kKeyTile * 4);
    }
  }
}

static void floatsMany(const AttentionArgs& a) {
  float* at = a.scratch;
  const ManyRows m = beginMany(a, at);
  float* const keys = at;                         // [dim][kKeyTile]
  float* const values = keys + m.dim * kKeyTile;  // [kKeyTile][vDim]
  float* const four = values + int64_t(kKeyTile) * m.vDim;
  const int32_t end = a.firstPos + a.rows, window = windowOf(a);
  const int32_t begin = a.firstPos >= window ? (a.firstPos - window + 1) / kKeyTile * kKeyTile : 0;
  for (int32_t tile = begin; tile < end; tile += kKeyTile) {
    const int count = end - tile < kKeyTile ? end - tile : kKeyTile;
    loadColumns(a, tile, count, a.headDim, four, keys, nullptr, 0);
    for (int i = 0; i < count; ++i) {
      loadCached(a.vType, cached(a.vPool, a.vPage, a.vSlot, a, tile + i), a.vDim, values + int64_t(i) * m.vDim);
    }
    meetTile(a, m, tile, count, keys, values);
  }
  endMany(a, m);
}

// One head over cached latents, whose keys and values are made a tile at a time.
static void floatsExpanded(const AttentionArgs& a, const ExpandArgs& x) {
  float* at = a.scratch;
  const ManyRows m = beginMany(a, at);
  const int64_t width = x.latent + x.ropeDims, ldRows = paddedTo(width, 32), nope = a.headDim - x.ropeDims;
  float* const columns = at;                                    // [width][kKeyTile]
  float* const rows = columns + paddedTo(width, 4) * kKeyTile;  // [kKeyTile][ldRows]
  float* const keys = rows + kKeyTile * ldRows;                 // [dim][kKeyTile]
  float* const values = keys + m.dim * kKeyTile;                // [kKeyTile][vDim]
  float* const four = values + int64_t(kKeyTile) * m.vDim;
  for (int64_t d = a.headDim; d < m.dim; ++d) {
    for (int i = 0; i < kKeyTile; ++i) keys[d * kKeyTile + i] = 0;
  }
  const int32_t end = a.firstPos + a.rows;
  for (int32_t tile = 0; tile < end; tile += kKeyTile) {
    const int count = end - tile < kKeyTile ? end - tile : kKeyTile;
    loadColumns(a, tile, count, width, four, columns, rows, ldRows);
    floatGemm(columns, kKeyTile, kKeyTile, x.keys, x.latent, int(nope), x.latent, keys, kKeyTile, false);
    memcpy(keys + nope * kKeyTile, columns + x.latent * kKeyTile, size_t(x.ropeDims) * kKeyTile * 4);
    floatGemm(x.values, x.ldValues, m.vDim, rows, ldRows, count, x.latent, values, m.vDim, false);
    meetTile(a, m, tile, count, keys, values);
  }
  endMany(a, m);
}

// One row against positions from..to; out: per head the weighted sum, the largest score and the total of weights.
static void floatsFew(const AttentionArgs& a) {
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
      const F scale = fset(softmaxTile(weights, 0, count, out[a.vDim], out[a.vDim + 1]));
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
static void attentionMerge(const float* parts, int64_t partStride, int count, int vDim, const float* sink, float* out) {
  float largest = sink ? *sink : kLowest;
  for (int i = 0; i < count; ++i) {
    const float top = parts[i * partStride + vDim];
    largest = top > largest ? top : largest;
  }
  float total = sink ? expOf(*sink - largest) : 0;
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
