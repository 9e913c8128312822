// Attention over a cache of F16, Q8_0 or F8_E4M3 in 16-bit integers with exact 32-bit sums: twice the products of
// floats an instruction, and rounding no coarser than a half's. Included once a target, after attention.h, whose forms
// in floats serve a cache of F32, and many rows over one of Q8_0; the functions of the kernel table are at the end.
//
// A vector's lanes are queries: neighbouring rows, the heads that share a key, or both. A tile of kKeyTile positions is
// converted once for all of them. Scores, weights and results have queries in lanes too, so that a softmax never sums
// across lanes.
//   a query or key is rounded to kLength / its length, so by Cauchy-Schwarz no sum of products leaves 32 bits
//   a value is rounded to kLargestValue / its largest; a weight times that scale to kLargestWeight / the largest of the
//   tile, and 64 products of them stay within 32 bits
// Scales are of one position, one query or one query and tile, so neighbours, chunks and threads change no bit. A NaN
// makes its scale one, and through it every result that it belongs to.
#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

constexpr float kLength = 32700.0f;
constexpr float kLargestValue = 8191.0f, kLargestWeight = 4095.0f;
constexpr int kWordBlock = kWordVecs * kLanes;  // queries that are attended together
constexpr int kWordMargin = 64;                 // kWordBlock at most, in every target
static_assert(kWordBlock <= kWordMargin && kKeyTile % kWordRows == 0);

// Takes pieces of memory one after another, each on a cache line.
struct WordMemory {
  std::byte* at = nullptr;
  template <class T>
  [[gnu::always_inline]] inline T* take(int64_t count) {
    auto* const p = reinterpret_cast<T*>(at);
    at += paddedTo(count * int64_t(sizeof(T)), 64);
    return p;
  }
};

// n floats, zeros behind up to a whole vector, as words over their length; returns what makes them floats again. `out`
// is filled to the next even vector.
LEMMA_SIMD float wordsOf(const float* in, int64_t n, int16_t* out) {
  F square[4] = {fzero(), fzero(), fzero(), fzero()};
  int64_t d = 0;
  for (; d + 4 * kLanes <= n; d += 4 * kLanes) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) square[j] = fma(fload(in + d + j * kLanes), fload(in + d + j * kLanes), square[j]);
  }
  for (; d < n; d += kLanes) square[0] = fma(fload(in + d), fload(in + d), square[0]);
  const float sum = sumOf(fadd(fadd(square[0], square[1]), fadd(square[2], square[3])));
  const float length = first4(root4(one4(sum)));
  const float scale = length / kLength;
  const F inverse = fset(scale > 1e-30f ? 1.0f / scale : 0.0f);
  int64_t i = 0;
  for (; i < n; i += kLanes) storeWords(out + i, toInt(fmul(fload(in + i), inverse)));
  if (i % (2 * kLanes) != 0) storeWords(out + i, izero());
  return scale;
}

// Two rows of n floats (as above) as pairs, one value of each; scale: of the two.
LEMMA_SIMD void pairsOf(const float* first, const float* second, int64_t n, int32_t* out, float* scale) {
  F inverse[2];
  const float* const rows[2] = {first, second};
  for (int r = 0; r < 2; ++r) {
    F largest = fzero();
    for (int64_t i = 0; i < n; i += kLanes) largest = maxBits(largest, fabs(fload(rows[r] + i)));
    scale[r] = hmaxBits(largest) / kLargestValue;
    inverse[r] = fset(scale[r] > 1e-30f ? 1.0f / scale[r] : 0.0f);
  }
  for (int64_t i = 0; i < n; i += kLanes) {
    const I pair = pairWords(toInt(fmul(fload(first + i), inverse[0])), toInt(fmul(fload(second + i), inverse[1])));
    memcpy(out + i, &pair, sizeof pair);
  }
}

// sum[r][v] of kWordRows rows of `pairs` pairs, each one broadcast, with kVecs vectors of pairs.
template <int kVecs>
LEMMA_SIMD void wordProduct(const int32_t* rows, int64_t rowStride, int64_t pairStride, const int32_t* lanes,
                            int64_t laneStride, int64_t pairs, I (&sum)[kWordRows][kVecs]) {
#pragma GCC unroll 8
  for (int r = 0; r < kWordRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) sum[r][v] = izero();
  }
  for (int64_t p = 0; p < pairs; ++p, rows += pairStride, lanes += laneStride) {
    I x[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) x[v] = iload(lanes + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kWordRows; ++r) {
      const I w = iset(rows[r * rowStride]);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) sum[r][v] = dotWords(sum[r][v], w, x[v]);
    }
  }
}

// A tile of the cache. What lies behind its positions is zero.
struct WordTile {
  int32_t pos = 0;             // of the first
  int rows = 0;                // positions, a multiple of kWordRows
  int16_t* keys = nullptr;     // [kKeyTile][ldKeys]
  float* keyScales = nullptr;  // [kKeyTile]
  int32_t* values = nullptr;   // [kKeyTile / 2][vDim] pairs of positions
  float* valueScales = nullptr;
};

struct WordQueries {
  int count = 0;
  int64_t dim = 0, ldKeys = 0, vDim = 0;  // dim: pairs of a key; vDim: a multiple of kWordRows
  int32_t window = 0;
  int32_t* q = nullptr;     // [blocks][dim][kWordBlock]
  float* scales = nullptr;  // of q, with the softmax' scale: scores are powers of two
  float *largest = nullptr, *total = nullptr;
  float* rowPos = nullptr;     // position of each query
  float* sums = nullptr;       // [blocks][vDim][kWordBlock]
  float* scores = nullptr;     // [kKeyTile][kWordBlock]
  int32_t* weights = nullptr;  // [kKeyTile / 2][kWordBlock] pairs
  float* rows = nullptr;       // two rows of the cache, or results of a block
  WordTile tile;
};

constexpr float kLog2E = 1.44269504f;

static WordQueries beginWords(const AttentionArgs& a, WordMemory& memory) {
  WordQueries w{.count = a.rows * a.group};
  w.ldKeys = paddedTo(a.headDim, 2 * kLanes);
  w.dim = (a.headDim + 1) / 2;
  w.vDim = paddedTo(a.vDim, 16);
  w.window = windowOf(a);
  const int64_t blocks = (w.count + kWordBlock - 1) / kWordBlock, all = blocks * kWordBlock;
  const int64_t widest = w.ldKeys > w.vDim ? w.ldKeys : w.vDim;
  w.q = memory.take<int32_t>(all * w.dim);
  w.scales = memory.take<float>(all);
  w.largest = memory.take<float>(all);
  w.total = memory.take<float>(all);
  w.rowPos = memory.take<float>(all);
  w.sums = memory.take<float>(all * w.vDim);
  w.scores = memory.take<float>(int64_t(kKeyTile) * kWordBlock);
  w.weights = memory.take<int32_t>(int64_t(kKeyTile) / 2 * kWordBlock);
  w.rows = memory.take<float>(kWordMargin * paddedTo(widest, 32));
  w.tile.keys = memory.take<int16_t>(kKeyTile * w.ldKeys);
  w.tile.keyScales = memory.take<float>(kKeyTile);
  w.tile.values = memory.take<int32_t>(kKeyTile / 2 * w.vDim);
  w.tile.valueScales = memory.take<float>(kKeyTile);
  int16_t* const words = w.tile.keys;  // a row at a time, before there are keys
  for (int64_t i = 0; i < w.ldKeys; ++i) w.rows[i] = 0;
  for (int64_t i = 0; i < all; ++i) {
    int32_t* const to = w.q + i / kWordBlock * kWordBlock * w.dim + i % kWordBlock;
    const int64_t row = i / a.group, head = i % a.group;
    const bool real = i < w.count;
    if (real) {
      memcpy(w.rows, a.q + row * a.ldQ + head * a.headDim, size_t(a.headDim) * 4);
      w.scales[i] = wordsOf(w.rows, a.headDim, words) * (a.scale * kLog2E);
    } else {
      w.scales[i] = 0;
    }
    for (int64_t d = 0; d < w.dim; ++d) {
      int32_t pair = 0;
      if (real) memcpy(&pair, words + 2 * d, 4);
      to[d * kWordBlock] = pair;
    }
    // A sink is a score that came before all others.
    w.largest[i] = a.sinks && real ? a.sinks[head] * kLog2E : kLowest;
    w.total[i] = a.sinks ? 1 : 0;
    w.rowPos[i] = float(a.firstPos + (real ? row : a.rows - 1));
  }
  memset(w.sums, 0, size_t(all * w.vDim) * 4);
  return w;
}

// What kVecs vectors of queries collect from one tile. `cut`: some of them do not see all of it.
template <int kVecs>
static void meetWords(const WordQueries& w, int64_t block, bool cut) {
  const WordTile& t = w.tile;
  const int64_t first = block * kWordBlock;
  const int32_t* const q = w.q + first * w.dim;
  F top[kVecs], scale[kVecs], pos[kVecs], begin[kVecs];
#pragma GCC unroll 4
  for (int v = 0; v < kVecs; ++v) {
    top[v] = fset(kLowest);
    scale[v] = fload(w.scales + first + v * kLanes);
    pos[v] = fload(w.rowPos + first + v * kLanes);
    begin[v] = fsub(pos[v], fset(float(w.window - 1)));
  }
  for (int k = 0; k < t.rows; k += kWordRows) {
    I dot[kWordRows][kVecs];
    wordProduct<kVecs>(reinterpret_cast<const int32_t*>(t.keys + k * w.ldKeys), w.ldKeys / 2, 1, q, kWordBlock, w.dim,
                       dot);
#pragma GCC unroll 8
    for (int r = 0; r < kWordRows; ++r) {
      const F keyScale = fset(t.keyScales[k + r]);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) {
        F score = fmul(toFloat(dot[r][v]), fmul(keyScale, scale[v]));
        if (cut) {
          const F at = fset(float(t.pos + k + r));
          score = selectBelow(fset(kLowest), selectBelow(fset(kLowest), score, at, begin[v]), pos[v], at);
        }
        top[v] = fmax(top[v], score);
        fstore(w.scores + (k + r) * kWordBlock + v * kLanes, score);
      }
    }
  }
  F sum[kVecs], most[kVecs];
#pragma GCC unroll 4
  for (int v = 0; v < kVecs; ++v) sum[v] = fzero(), most[v] = fset(1e-30f);
  for (int k = 0; k < t.rows; ++k) {
    const F valueScale = fset(t.valueScales[k]);
    float* const at = w.scores + k * kWordBlock;
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      const F weight = powerOfTwo(fsub(fload(at + v * kLanes), top[v]));
      sum[v] = fadd(sum[v], weight);
      const F scaled = fmul(weight, valueScale);
      most[v] = maxBits(most[v], scaled);
      fstore(at + v * kLanes, scaled);
    }
  }
  F inverse[kVecs], before[kVecs], now[kVecs];
#pragma GCC unroll 4
  for (int v = 0; v < kVecs; ++v) {
    inverse[v] = fdiv(fset(kLargestWeight), most[v]);
    float* const largest = w.largest + first + v * kLanes;
    float* const total = w.total + first + v * kLanes;
    const F old = fload(largest), both = fmax(old, top[v]);
    before[v] = powerOfTwo(fsub(old, both));
    now[v] = powerOfTwo(fsub(top[v], both));
    fstore(largest, both);
    fstore(total, fma(fload(total), before[v], fmul(sum[v], now[v])));
    now[v] = fmul(now[v], fmul(most[v], fset(1.0f / kLargestWeight)));
  }
  for (int k = 0; k < t.rows; k += 2) {
    const float* const at = w.scores + k * kWordBlock;
    int32_t* const to = w.weights + k / 2 * kWordBlock;
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) {
      const I pair = pairWords(toInt(fmul(fload(at + v * kLanes), inverse[v])),
                               toInt(fmul(fload(at + kWordBlock + v * kLanes), inverse[v])));
      memcpy(to + v * kLanes, &pair, sizeof pair);
    }
  }
  float* const sums = w.sums + first * w.vDim;
  for (int64_t d = 0; d < w.vDim; d += kWordRows) {
    I dot[kWordRows][kVecs];
    wordProduct<kVecs>(t.values + d, 1, w.vDim, w.weights, kWordBlock, t.rows / 2, dot);
#pragma GCC unroll 8
    for (int r = 0; r < kWordRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) {
        float* const to = sums + (d + r) * kWordBlock + v * kLanes;
        fstore(to, fma(toFloat(dot[r][v]), now[v], fmul(fload(to), before[v])));
      }
    }
  }
}

// All queries meet the tile.
static void meetWordTile(const AttentionArgs& a, const WordQueries& w) {
  for (int64_t block = 0; block * kWordBlock < w.count; ++block) {
    const int first = int(block) * kWordBlock;
    const int last = (first + kWordBlock < w.count ? first + kWordBlock : w.count) - 1;
    const int32_t from = a.firstPos + first / a.group, to = a.firstPos + last / a.group;  // positions of the queries
    const int32_t end = w.tile.pos + kKeyTile;
    if (w.tile.pos > to || end <= from - w.window + 1) continue;  // out of everybody's sight
    const bool cut = end > from + 1 || w.tile.pos < to - w.window + 1;
    const int vecs = (last - first) / kLanes + 1;
    if (vecs == 1) {
      meetWords<1>(w, block, cut);
    } else if (kWordVecs == 2 || vecs == 2) {
      meetWords<2>(w, block, cut);
    } else {
      meetWords<kWordVecs>(w, block, cut);
    }
  }
}

// Calls give(query, [vDim] sums) for every query.
template <class Give>
static void endWords(const WordQueries& w, const Give& give) {
  const int64_t ld = w.vDim;
  for (int first = 0; first < w.count; first += kWordBlock) {
    const float* const sums = w.sums + first * w.vDim;
    const int some = w.count - first < kWordBlock ? w.count - first : kWordBlock;
    for (int i = 0; i < some; i += 4) {
      for (int64_t d = 0; d < w.vDim; d += 4) {
        Lane in[4];
        for (int j = 0; j < 4; ++j) {
          in[j] = load16(sums + (d + j) * kWordBlock + i);
        }
        transpose4(in, reinterpret_cast<std::byte*>(w.rows + i * ld + d), ld * 4);
      }
    }
    for (int i = 0; i < some; ++i) give(first + i, w.rows + i * ld);
  }
}

static void endManyWords(const AttentionArgs& a, const WordQueries& w) {
  endWords(w, [&](int i, const float* sums) {
    float* const to = a.out + i / a.group * a.ldOut + i % a.group * int64_t(a.vDim);
    for (int64_t d = 0; d < a.vDim; ++d) to[d] = sums[d] / w.total[i];
  });
}

// Rows of floats for `count` positions become a tile; rowOf(i, key, value) says where they lie and has zeros behind.
template <class RowsOf>
static void fillWordTile(const AttentionArgs& a, WordQueries& w, int32_t pos, int count, const RowsOf& rowsOf) {
  WordTile& t = w.tile;
  t.pos = pos;
  t.rows = int(paddedTo(count, kWordRows));
  for (int i = 0; i < t.rows; i += 2) {
    const float *key[2], *value[2];
    for (int j = 0; j < 2; ++j) {
      int16_t* const to = t.keys + (i + j) * w.ldKeys;
      rowsOf(i + j, key[j], value[j]);
      t.keyScales[i + j] = wordsOf(key[j], a.headDim, to);
    }
    pairsOf(value[0], value[1], a.vDim, t.values + i / 2 * w.vDim, t.valueScales + i);
  }
}

// The rows of a pool from one tile to the next: while a tile is converted, the next one is fetched.
struct WordPlaces {
  const std::byte* rows[2][kKeyTile];
  int now = 1, count = 0, next = 0;
};

// To the `left` positions from `pos` on, at most a tile of them.
static void goOn(WordPlaces& p, const AttentionArgs& a, const std::byte* pool, int64_t page, int64_t slot, int32_t pos,
                 int32_t left) {
  const auto find = [&](int which, int32_t from, int32_t some) {
    const int n = some < kKeyTile ? some : kKeyTile;
    if (n <= 0) return 0;
    placesOf(pool, page, slot, a, from, n, p.rows[which]);
    return n;
  };
  p.now ^= 1;
  p.count = p.next > 0 ? p.next : find(p.now, pos, left);
  p.next = find(p.now ^ 1, pos + kKeyTile, left - kKeyTile);
}

// Rows behind the last are the first.
LEMMA_SIMD const std::byte* rowAt(const WordPlaces& p, int i, int64_t bytes) {
  if (i < p.next) {
    for (int64_t at = 0; at < bytes; at += 64) __builtin_prefetch(p.rows[p.now ^ 1][i] + at, 0, 2);
  }
  return p.rows[p.now][i < p.count ? i : 0];
}

// The pools of keys and values from one tile to the next. Where both are one, values are the beginning of keys.
struct WordCache {
  WordPlaces keys, values;
};

static void loadWordTile(WordCache& cache, const AttentionArgs& a, WordQueries& w, int32_t pos, int32_t end) {
  const int64_t ld = paddedTo(w.ldKeys > w.vDim ? w.ldKeys : w.vDim, 32);
  const bool one = a.vPool == a.kPool;
  goOn(cache.keys, a, a.kPool, a.kPage, a.kSlot, pos, end - pos);
  if (!one) goOn(cache.values, a, a.vPool, a.vPage, a.vSlot, pos, end - pos);
  fillWordTile(a, w, pos, cache.keys.count, [&](int i, const float*& key, const float*& value) {
    float* const rows = w.rows + i % 2 * 2 * ld;
    loadCached(a.kType, rowAt(cache.keys, i, a.kSlot), a.headDim, rows);
    key = value = rows;
    if (!one) {
      loadCached(a.vType, rowAt(cache.values, i, a.vSlot), a.vDim, rows + ld);
      value = rows + ld;
    }
  });
}

static void wordsMany(const AttentionArgs& a) {
  WordMemory memory{reinterpret_cast<std::byte*>(a.scratch)};
  WordQueries w = beginWords(a, memory);
  const int32_t end = a.firstPos + a.rows;
  const int32_t begin = a.firstPos >= w.window ? (a.firstPos - w.window + 1) / kKeyTile * kKeyTile : 0;
  WordCache cache;
  for (int32_t tile = begin; tile < end; tile += kKeyTile) {
    loadWordTile(cache, a, w, tile, end);
    meetWordTile(a, w);
  }
  endManyWords(a, w);
}

static void wordsFew(AttentionArgs a) {
  a.sinks = nullptr;  // they are merged
  WordMemory memory{reinterpret_cast<std::byte*>(a.scratch)};
  WordQueries w = beginWords(a, memory);
  WordCache cache;
  for (int32_t tile = a.from; tile < a.to; tile += kKeyTile) {
    loadWordTile(cache, a, w, tile, a.to);
    meetWordTile(a, w);
  }
  endWords(w, [&](int i, const float* sums) {
    float* const to = a.out + i * a.ldOut;
    memcpy(to, sums, size_t(a.vDim) * 4);
    to[a.vDim] = w.largest[i] * 0.693147181f;
    to[a.vDim + 1] = w.total[i];
  });
}

// A head's matrix of `outputs` rows [latent] as pairs along the latents with outputs in lanes.
struct WordMatrix {
  int64_t outputs = 0;       // whole vectors
  int32_t* pairs = nullptr;  // [latent / 2][outputs]
  float* scales = nullptr;   // [outputs]
};

static WordMatrix wordMatrix(const float* rows, int64_t outputs, int64_t latent, float* row, int16_t* words,
                             WordMemory& memory) {
  WordMatrix m{.outputs = paddedTo(outputs, kLanes)};
  const int64_t pairs = (latent + 1) / 2;
  m.pairs = memory.take<int32_t>(pairs * m.outputs);
  m.scales = memory.take<float>(m.outputs);
  for (int64_t i = 0; i < paddedTo(latent, kLanes); ++i) row[i] = 0;
  for (int64_t o = 0; o < m.outputs; ++o) {
    if (o < outputs) memcpy(row, rows + o * latent, size_t(latent) * 4);
    m.scales[o] = o < outputs ? wordsOf(row, latent, words) : 0;
    for (int64_t p = 0; p < pairs; ++p) {
      int32_t pair = 0;
      if (o < outputs) memcpy(&pair, words + 2 * p, 4);
      m.pairs[p * m.outputs + o] = pair;
    }
  }
  return m;
}

// out[kKeyTile][ld] = latents [rows][ldLatents] times the matrix.
template <int kVecs>
static void expandVecs(const WordMatrix& m, int64_t output, const int16_t* latents, int64_t ldLatents,
                       const float* scales, int64_t latent, int rows, float* out, int64_t ld) {
  for (int k = 0; k < rows; k += kWordRows) {
    I dot[kWordRows][kVecs];
    wordProduct<kVecs>(reinterpret_cast<const int32_t*>(latents + k * ldLatents), ldLatents / 2, 1, m.pairs + output,
                       m.outputs, (latent + 1) / 2, dot);
#pragma GCC unroll 8
    for (int r = 0; r < kWordRows; ++r) {
      const F scale = fset(scales[k + r]);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) {
        fstore(out + (k + r) * ld + output + v * kLanes,
               fmul(toFloat(dot[r][v]), fmul(scale, fload(m.scales + output + v * kLanes))));
      }
    }
  }
}

static void expandWords(const WordMatrix& m, const int16_t* latents, int64_t ldLatents, const float* scales,
                        int64_t latent, int rows, float* out, int64_t ld) {
  int64_t o = 0;
  for (; o + kWordBlock <= m.outputs; o += kWordBlock) {
    expandVecs<kWordVecs>(m, o, latents, ldLatents, scales, latent, rows, out, ld);
  }
  for (; o + 2 * kLanes <= m.outputs; o += 2 * kLanes) {
    expandVecs<2>(m, o, latents, ldLatents, scales, latent, rows, out, ld);
  }
  if (o < m.outputs) expandVecs<1>(m, o, latents, ldLatents, scales, latent, rows, out, ld);
}

// One head over cached latents, whose keys and values are made a tile at a time.
static void wordsExpanded(const AttentionArgs& a, const ExpandArgs& x) {
  WordMemory memory{reinterpret_cast<std::byte*>(a.scratch)};
  WordQueries w = beginWords(a, memory);
  const int64_t width = x.latent + x.ropeDims, nope = a.headDim - x.ropeDims;
  const int64_t ldLatents = paddedTo(x.latent, 2 * kLanes),
                ldKeys = paddedTo(nope, kLanes) + paddedTo(x.ropeDims, kLanes) + kLanes;
  auto* const latents = memory.take<int16_t>(kKeyTile * ldLatents);
  auto* const scales = memory.take<float>(kKeyTile);
  auto* const row = memory.take<float>(paddedTo(width, 32) + kLanes);
  auto* const keys = memory.take<float>(kKeyTile * ldKeys);
  auto* const values = memory.take<float>(kKeyTile * w.vDim);
  const WordMatrix keyMatrix = wordMatrix(x.keys, nope, x.latent, row, latents, memory);
  const WordMatrix valueMatrix = wordMatrix(x.values, a.vDim, x.latent, row, latents, memory);
  const int32_t end = a.firstPos + a.rows;
  WordPlaces cache;
  for (int32_t tile = 0; tile < end; tile += kKeyTile) {
    goOn(cache, a, a.kPool, a.kPage, a.kSlot, tile, end - tile);
    const int count = cache.count, some = int(paddedTo(count, kWordRows));
    float* const rope = w.rows;  // [kKeyTile][ropeDims]
    for (int i = 0; i < some; ++i) {
      loadCached(a.kType, rowAt(cache, i, a.kSlot), width, row);
      memcpy(rope + i * x.ropeDims, row + x.latent, size_t(x.ropeDims) * 4);
      for (int64_t d = x.latent; d < paddedTo(x.latent, kLanes); ++d) row[d] = 0;
      scales[i] = wordsOf(row, x.latent, latents + i * ldLatents);
    }
    expandWords(keyMatrix, latents, ldLatents, scales, x.latent, some, keys, ldKeys);
    expandWords(valueMatrix, latents, ldLatents, scales, x.latent, some, values, w.vDim);
    fillWordTile(a, w, tile, count, [&](int i, const float*& key, const float*& value) {
      float* const to = keys + i * ldKeys;
      memcpy(to + nope, rope + i * x.ropeDims, size_t(x.ropeDims) * 4);
      for (int64_t d = a.headDim; d < paddedTo(a.headDim, kLanes); ++d) to[d] = 0;
      key = to;
      value = values + i * w.vDim;
    });
    meetWordTile(a, w);
  }
  endManyWords(a, w);
}

// ---- the functions of the table: words where the cache holds no floats

// Many rows over an 8-bit cache stay in floats: there single rows of a prompt may diverge by a tenth already
// (resources/docs/decisions/0006).
static void attentionMany(const AttentionArgs& a) { a.kType == CacheType::f16 ? wordsMany(a) : floatsMany(a); }

static void attentionExpanded(const AttentionArgs& a, const ExpandArgs& x) {
  a.kType == CacheType::f32 ? floatsExpanded(a, x) : wordsExpanded(a, x);
}

// Fewer heads than these would leave lanes empty; their products are hidden behind the reading of the cache.
static void attentionFew(const AttentionArgs& a) {
  a.kType == CacheType::f32 || a.group < kHeadsInLanes ? floatsFew(a) : wordsFew(a);
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
