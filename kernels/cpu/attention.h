// Attention over the paged cache, online softmax in tiles of kKeyTile positions. Included once a target.
// Tiles lie at fixed positions of the sequence and each row meets them in order, so a row's result does not depend on
// the rows beside it. Many rows: matrix products over transposed keys; few rows: dot products, one part of the cache
// a call, merged afterwards.
#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

constexpr int64_t paddedTo(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

// A vector of a cached row, from value d on.
struct CachedF32 {
  LEMMA_SIMD F at(const std::byte* row, int64_t d) { return ValuesF32::load(row + 4 * d); }
};
struct CachedF16 {
  LEMMA_SIMD F at(const std::byte* row, int64_t d) { return loadHalf(row + 2 * d); }
};
struct CachedQ8 {
  LEMMA_SIMD F at(const std::byte* row, int64_t d) {
    const std::byte* const block = row + d / 32 * int64_t(sizeof(Q8_0::Block));
    return fmul(loadBytes(block + offsetof(Q8_0::Block, q) + d % 32), fset(halfAt(block)));
  }
};

struct CachedF8 {
  LEMMA_SIMD F at(const std::byte* row, int64_t d) { return fmul(ValuesF8::load(row + d), fset(ValuesF8::kUnit)); }
};

// n values of a cached row as floats; out has room for whole vectors.
LEMMA_SIMD void loadCached(CacheType type, const std::byte* p, int64_t n, float* out) {
  int64_t i = 0;
  if (type == CacheType::q8) {
    for (; i < n; i += kLanes) fstore(out + i, CachedQ8::at(p, i));
  } else if (type == CacheType::f16) {
    for (; i + kLanes <= n; i += kLanes) fstore(out + i, CachedF16::at(p, i));
    if (i < n) fstore(out + i, loadSomeOf<ValuesF16>(p + 2 * i, n - i));
  } else if (type == CacheType::f8) {
    for (; i + kLanes <= n; i += kLanes) fstore(out + i, CachedF8::at(p, i));
    if (i < n) fstore(out + i, fmul(loadSomeOf<ValuesF8>(p + i, n - i), fset(ValuesF8::kUnit)));
  } else {
    for (; i + kLanes <= n; i += kLanes) fstore(out + i, CachedF32::at(p, i));
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
      Lane in[4];
      for (int j = 0; j < 4; ++j) in[j] = load16(four + j * ldFour + d);
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

// Where the rows of `count` positions from `pos` on lie.
LEMMA_SIMD void placesOf(const std::byte* pool, int64_t page, int64_t slot, const AttentionArgs& a, int32_t pos,
                         int count, const std::byte** out) {
  int32_t at = pos % a.pageTokens;
  const int32_t* pages = a.pages + pos / a.pageTokens;
  for (int i = 0; i < count; ++i, ++at) {
    if (at == a.pageTokens) at = 0, ++pages;
    out[i] = pool + *pages * page + at * slot;
  }
}

constexpr int kFewHeads = kLanes == 16 ? 4 : 2;  // heads that share what is loaded of the cache

// What attentionFew keeps.
struct FewHeads {
  int64_t dim = 0, vDim = 0;  // whole vectors
  float* q = nullptr;         // [group][dim], scaled
  float* scores = nullptr;    // [group][kKeyTile]
  float* sums = nullptr;      // [group][vDim]
};

// What is read of the cache after the rows that are met just now is fetched meanwhile.
struct FewTile {
  const std::byte* keys[kKeyTile];
  const std::byte* values[kKeyTile];
  int64_t keyBytes = 0, valueBytes = 0;  // of a row
};

LEMMA_SIMD void fetchRow(const std::byte* row, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(row + i, 0, 3);
}

// Scores of `count` rows of keys, a multiple of 4, for kHeads heads from g on.
template <class V, int kHeads>
LEMMA_SIMD void scoreFew(const FewHeads& f, int g, const FewTile& t, int count) {
  for (int i = 0; i < count; i += 4) {
    const std::byte* const* const rows = t.keys + i;
    if (g == 0) {
      for (int j = 0; j < 4; ++j) fetchRow(t.values[i + j], t.valueBytes);
    }
    F dot[kHeads][4];
#pragma GCC unroll 4
    for (int h = 0; h < kHeads; ++h) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) dot[h][j] = fzero();
    }
    for (int64_t d = 0; d < f.dim; d += kLanes) {
      F key[4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) key[j] = V::at(rows[j], d);
#pragma GCC unroll 4
      for (int h = 0; h < kHeads; ++h) {
        const F x = fload(f.q + (g + h) * f.dim + d);
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) dot[h][j] = fma(key[j], x, dot[h][j]);
      }
    }
#pragma GCC unroll 4
    for (int h = 0; h < kHeads; ++h) {
      store4(f.scores + (g + h) * kKeyTile + i, sum4(dot[h][0], dot[h][1], dot[h][2], dot[h][3]));
    }
  }
}

// Adds `count` rows of values, weighted by scores, to the scaled sums of kHeads heads from g on.
template <class V, int kHeads, int kVecs>
LEMMA_SIMD void collectFew(const FewHeads& f, int g, const FewTile& t, const FewTile& next, int count,
                           const float* scale, int64_t d) {
  F sum[kHeads][kVecs];
#pragma GCC unroll 4
  for (int h = 0; h < kHeads; ++h) {
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) sum[h][v] = fmul(fload(f.sums + (g + h) * f.vDim + d + v * kLanes), fset(scale[h]));
  }
  for (int i = 0; i < count; ++i) {
    if (g == 0 && d == 0) fetchRow(next.keys[i], next.keyBytes);
    F value[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) value[v] = V::at(t.values[i], d + v * kLanes);
#pragma GCC unroll 4
    for (int h = 0; h < kHeads; ++h) {
      const F w = fset(f.scores[(g + h) * kKeyTile + i]);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) sum[h][v] = fma(value[v], w, sum[h][v]);
    }
  }
#pragma GCC unroll 4
  for (int h = 0; h < kHeads; ++h) {
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) fstore(f.sums + (g + h) * f.vDim + d + v * kLanes, sum[h][v]);
  }
}

template <class V>
static void meetFew(const AttentionArgs& a, const FewHeads& f, const FewTile& t, const FewTile& next, int count) {
  const auto heads = [&]<int kHeads>(int g) __attribute__((always_inline)) {
    scoreFew<V, kHeads>(f, g, t, int(paddedTo(count, 4)));
    float scale[kHeads];
    for (int h = 0; h < kHeads; ++h) {
      float* const out = a.out + (g + h) * a.ldOut;
      scale[h] = softmaxTile(f.scores + (g + h) * kKeyTile, 0, count, out[a.vDim], out[a.vDim + 1]);
    }
    int64_t d = 0;
    for (; d + 4 * kLanes <= f.vDim; d += 4 * kLanes) collectFew<V, kHeads, 4>(f, g, t, next, count, scale, d);
    for (; d < f.vDim; d += kLanes) collectFew<V, kHeads, 1>(f, g, t, next, count, scale, d);
  };
  int g = 0;
  for (; g + kFewHeads <= a.group; g += kFewHeads) heads.template operator()<kFewHeads>(g);
  if constexpr (kFewHeads == 4) {
    if (g + 3 == a.group) {
      heads.template operator()<3>(g);
      return;
    }
    if (g + 2 <= a.group) {
      heads.template operator()<2>(g);
      g += 2;
    }
  }
  if (g < a.group) heads.template operator()<1>(g);
}

// One row against positions from..to; out: per head the weighted sum, the largest score and the total of weights.
static void floatsFew(const AttentionArgs& a) {
  FewHeads f{.dim = paddedTo(a.headDim, kLanes), .vDim = paddedTo(a.vDim, kLanes), .q = a.scratch};
  f.scores = f.q + a.group * f.dim;
  f.sums = f.scores + a.group * kKeyTile;
  float* const keyRows = f.sums + a.group * f.vDim;     // [kKeyTile][dim], where rows are not read in place
  float* const valueRows = keyRows + kKeyTile * f.dim;  // [kKeyTile][vDim]
  for (int g = 0; g < a.group; ++g) {
    float* const q = f.q + g * f.dim;
    for (int64_t i = 0; i < f.dim; ++i) q[i] = i < a.headDim ? a.q[g * int64_t(a.headDim) + i] * a.scale : 0;
    float* const out = a.out + g * a.ldOut;
    out[a.vDim] = kLowest;
    out[a.vDim + 1] = 0;
    for (int64_t i = 0; i < f.vDim; ++i) f.sums[g * f.vDim + i] = 0;
  }
  // Rows of whole vectors are read where they lie; 8-bit floats are made floats once for all heads.
  const bool whole = f.dim == a.headDim && f.vDim == a.vDim && a.kType == a.vType && a.kType != CacheType::f8;
  const auto load = [&](int32_t tile, FewTile& t) {
    const int count = a.to - tile < kKeyTile ? a.to - tile : kKeyTile;
    placesOf(a.kPool, a.kPage, a.kSlot, a, tile, count, t.keys);
    placesOf(a.vPool, a.vPage, a.vSlot, a, tile, count, t.values);
    for (int i = count; i < kKeyTile; ++i) t.keys[i] = t.keys[0], t.values[i] = t.values[0];
    return count;
  };
  FewTile tiles[2];
  for (FewTile& t : tiles) t.keyBytes = a.kSlot, t.valueBytes = a.vSlot;
  int count = load(a.from, tiles[0]);
  tiles[1] = tiles[0];
  for (int32_t tile = a.from, which = 0; tile < a.to; tile += kKeyTile, which ^= 1) {
    FewTile &t = tiles[which], &next = tiles[which ^ 1];
    const int following = tile + kKeyTile < a.to ? load(tile + kKeyTile, next) : 0;
    for (int i = 0; i < kKeyTile && !whole; ++i) {
      loadCached(a.kType, t.keys[i], a.headDim, keyRows + i * f.dim);
      loadCached(a.vType, t.values[i], a.vDim, valueRows + i * f.vDim);
      t.keys[i] = reinterpret_cast<const std::byte*>(keyRows + i * f.dim);
      t.values[i] = reinterpret_cast<const std::byte*>(valueRows + i * f.vDim);
    }
    if (whole && a.kType == CacheType::f16) {
      meetFew<CachedF16>(a, f, t, next, count);
    } else if (whole && a.kType == CacheType::q8) {
      meetFew<CachedQ8>(a, f, t, next, count);
    } else {
      meetFew<CachedF32>(a, f, t, next, count);
    }
    count = following;
  }
  for (int g = 0; g < a.group; ++g) {
    for (int64_t d = 0; d < a.vDim; ++d) a.out[g * a.ldOut + d] = f.sums[g * f.vDim + d];
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
