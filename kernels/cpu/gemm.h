// More than 8 rows: a panel of 32 outputs is unpacked into cache and multiplied with every row. Included once a target.
// An output is summed block after block along k, whatever the tile it falls into, so a row's result does not depend on
// the rows beside it, on chunks or on threads.
#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

// A panel of 8-bit weights, per block of 32 along k: [8 steps of 4 values][32 outputs][4] bytes, [32] float scales,
// and [32] float minima where the format has them; of formats with groups of 16 values [2][32] of each, for the first
// and the second half of the block. Without minima a level is around kPanelZero, or a signed byte.
template <bool kHalves_, bool kMinimum_, bool kSigned_>
struct PanelKind {
  static constexpr bool kHalves = kHalves_, kMinimum = kMinimum_, kSigned = kSigned_;
  static constexpr int64_t kScales = 32 * kPanel, kFloats = 4 * kPanel, kParts = kHalves ? 2 : 1;
  static constexpr int64_t kMinima = kScales + kParts * kFloats, kBytes = kMinima + (kMinimum ? kParts * kFloats : 0);
};
template <class B>
using PanelOf = PanelKind<B::kHalves, B::kMinimum, B::kSigned>;

LEMMA_SIMD void transpose4(const Lane* in, std::byte* out, int64_t stride) {
  const Lane a = lzipDwords(in[0], in[1]), b = lzipDwords(in[2], in[3]);
  const Lane c = lzipHighDwords(in[0], in[1]), d = lzipHighDwords(in[2], in[3]);
  const auto put = [&](int i, Lane v) { lstore(out + i * stride, v); };
  put(0, lzipQwords(a, b));
  put(1, lzipHighQwords(a, b));
  put(2, lzipQwords(c, d));
  put(3, lzipHighQwords(c, d));
}

// Half of four blocks of four weight rows to a panel, four outputs of it: `out` for the first step of the first block.
LEMMA_SIMD void toPanel(const Quad* rows, std::byte* out, int64_t blockBytes) {
#pragma GCC unroll 4
  for (int i = 0; i < kQuadParts; ++i) {
    I steps[4];
    transposeLanes(rows[0].v[i], rows[1].v[i], rows[2].v[i], rows[3].v[i], steps);
#pragma GCC unroll 4
    for (int step = 0; step < 4; ++step)
      storeLanes(out + i * kGroup * blockBytes + step * 4 * kPanel, blockBytes, steps[step]);
  }
}

// Levels without minima are moved to the panel's zero. Unit by unit, so that the part of the panel that is written
// stays in the nearest cache; outputs that there are not have scales of zero.
template <class B>
static void unpackUnits(const PanelArgs& a) {
  using P = PanelOf<B>;
  constexpr int kParts = B::kHalves ? 2 : 1;
  constexpr int kMove = B::kMinimum || B::kSigned ? 0 : kPanelZero - B::kZero;
  const std::byte* const first = a.weights + a.k0 / 32 / B::kBlocks * B::kBytes;
  const int32_t blocks = int32_t(a.k / 32);
  const std::byte* const end = first + (a.n - 1) * int64_t(a.rowBytes) + int64_t(blocks) * B::kBytes / B::kBlocks;
  alignas(16) float scale[4][2 * kUnitGap] = {}, minimum[4][2 * kUnitGap] = {};
  for (int32_t b = 0; b < blocks; b += B::kBlocks) {
    for (int o = 0; o < kPanel; o += 4) {
      const std::byte* units[4];
      std::byte room[4][B::kBytes];
      for (int i = 0; i < 4; ++i) {
        const int row = o + i < a.n ? o + i : a.n - 1;
        const std::byte* const at = first + row * int64_t(a.rowBytes) + b / B::kBlocks * B::kBytes;
        // What is read three units later: of this row, or at its end of the next panel.
        const std::byte* const later = at + 3 * B::kBytes;
        prefetchUnit<B>(
            later - a.weights < int64_t(a.rowBytes) * (row + 1) ? later : later + (kPanel - 1) * int64_t(a.rowBytes));
        units[i] = wholeUnit<B>(at, end - at, room[i]);
        if (o + i < a.n) {
          B::scales(units[i], scale[i], minimum[i]);
        } else {
          memset(scale[i], 0, sizeof scale[i]);
          memset(minimum[i], 0, sizeof minimum[i]);
        }
      }
#pragma GCC unroll 2
      for (int q = 0; q < B::kBlocks / 4; ++q) {
        const int32_t block = b + 4 * q;
        if (block >= blocks) break;
        Quad low[4], high[4];
        for (int i = 0; i < 4; ++i) {
          B::levels(units[i], q, low[i], high[i]);
          if constexpr (kMove != 0) low[i] = plus(low[i], kMove), high[i] = plus(high[i], kMove);
        }
        std::byte* const panel = a.panel + block * P::kBytes + o * 4;
        const auto put = [&](std::byte * to) __attribute__((always_inline)) {
          toPanel(low, to, P::kBytes);
          toPanel(high, to + 16 * kPanel, P::kBytes);
          for (int p = 0; p < kParts; ++p) {
            const auto floats = [&](int64_t kind, const float(*from)[2 * kUnitGap]) __attribute__((always_inline)) {
              const int at = p * kUnitGap + 4 * q;
              const Lane in[4] = {load16(from[0] + at), load16(from[1] + at), load16(from[2] + at),
                                  load16(from[3] + at)};
              transpose4(in, to + kind + p * P::kFloats, P::kBytes);
            };
            floats(P::kScales, scale);
            if constexpr (P::kMinimum) floats(P::kMinima, minimum);
          }
        };
        if (blocks - block >= 4) [[likely]] {
          put(panel);
        } else {  // the panel has room for the blocks there are
          std::byte whole[4 * P::kBytes];
          put(whole);
          for (int j = 0; j < blocks - block; ++j) {
            for (int64_t at = 0; at < P::kBytes; at += 4 * kPanel)
              memcpy(panel + j * P::kBytes + at, whole + j * P::kBytes + at, 16);
          }
        }
      }
    }
  }
}

// kRows rows times kTileVecs vectors of outputs, from vector `firstVec` of the panel on.
template <class P, int kRows>
static void gemmTile(const GemmArgs& a, int row, int firstVec) {
  constexpr int kParts = P::kHalves ? 2 : 1;
  const ActLayout& layout = *a.layout;
  const std::byte* const acts = a.acts + row * a.actStride;
  const int64_t stride = a.actStride;
  const int32_t firstBlock = int32_t(a.k0 / 32);
  const auto* const scales = reinterpret_cast<const float*>(acts + layout.scale);
  const int64_t extras =
      P::kHalves ? (P::kMinimum ? layout.halfSum : layout.halfStart) : (P::kMinimum ? layout.sum : layout.start);
  const auto* const extra = reinterpret_cast<const int32_t*>(acts + extras);
  const int64_t ld = stride / 4;
  const std::byte* panel = a.panel + firstVec * kLanes * 4;
  float* const out = a.out + int64_t(row) * kPanel + firstVec * kLanes;

  F sum[kRows][kTileVecs];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kTileVecs; ++v) sum[r][v] = a.accumulate ? fload(out + r * kPanel + v * kLanes) : fzero();
  }
  for (int32_t b = firstBlock; b < firstBlock + int32_t(a.k / 32); ++b, panel += P::kBytes) {
    const std::byte* const x = acts + int64_t(b >> 2) * 128 + (b & 3) * 16;
#pragma GCC unroll 2
    for (int part = 0; part < kParts; ++part) {
      const int64_t at = part * layout.padded + b;
      I dot[kRows][kTileVecs];
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < kTileVecs; ++v) {
          dot[r][v] = P::kMinimum ? izero() : panelStart(extra[r * ld + at], !P::kSigned);
        }
      }
#pragma GCC unroll 8
      for (int j = part * 4; j < (P::kHalves ? part * 4 + 4 : 8); ++j) {
        I w[kTileVecs];
#pragma GCC unroll 4
        for (int v = 0; v < kTileVecs; ++v) w[v] = iload(panel + j * 4 * kPanel + v * kLanes * 4);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          int32_t four;
          memcpy(&four, x + r * stride + (j >> 2) * 64 + (j & 3) * 4, 4);
          const I xs = iset(four);
#pragma GCC unroll 4
          for (int v = 0; v < kTileVecs; ++v) {
            dot[r][v] = dotBytes<P::kSigned>(dot[r][v], w[v], xs);
          }
        }
      }
      const auto* const weightScales = reinterpret_cast<const float*>(panel + P::kScales + part * P::kFloats);
      F ws[kTileVecs];
#pragma GCC unroll 4
      for (int v = 0; v < kTileVecs; ++v) ws[v] = fload(weightScales + v * kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const F xs = fset(scales[r * ld + b]);
#pragma GCC unroll 4
        for (int v = 0; v < kTileVecs; ++v) sum[r][v] = fma(toFloat(dot[r][v]), fmul(ws[v], xs), sum[r][v]);
      }
      if constexpr (P::kMinimum) {
        const auto* const minima = reinterpret_cast<const float*>(panel + P::kMinima + part * P::kFloats);
#pragma GCC unroll 4
        for (int v = 0; v < kTileVecs; ++v) ws[v] = fload(minima + v * kLanes);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          float total;
          memcpy(&total, extra + r * ld + at, 4);
          const F xs = fset(total);
#pragma GCC unroll 4
          for (int v = 0; v < kTileVecs; ++v) sum[r][v] = fma(ws[v], xs, sum[r][v]);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kTileVecs; ++v) fstore(out + r * kPanel + v * kLanes, sum[r][v]);
  }
}

// A tile of `rows` rows, at most kRows.
template <class P, int kRows>
LEMMA_SIMD void tileOf(int rows, const GemmArgs& a, int row, int firstVec) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return tileOf<P, kRows - 1>(rows, a, row, firstVec);
  }
  gemmTile<P, kRows>(a, row, firstVec);
}

// As few tiles as there must be, all nearly as high: a tile of one or two rows waits for its own sums.
template <class P>
static void gemmPanel(const GemmArgs& a) {
  for (int v = 0; v < kPanel / kLanes; v += kTileVecs) {
    int tiles = (a.rows + kTileRows - 1) / kTileRows;
    for (int row = 0, height = 0; row < a.rows; row += height, --tiles) {
      height = (a.rows - row + tiles - 1) / tiles;
      tileOf<P, kTileRows>(height, a, row, v);
    }
  }
}

// out[rows, kVecs * kLanes] (+)= a[rows, k] x panel[k, ...]: one tile of floats. Sums run along k in order.
template <int kRows, int kVecs>
static void floatTile(const float* panel, int64_t ldPanel, const float* a, int64_t lda, int64_t k, float* out,
                      int64_t ldOut, bool accumulate) {
  F sum[kRows][kVecs];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) sum[r][v] = accumulate ? fload(out + r * ldOut + v * kLanes) : fzero();
  }
  for (int64_t i = 0; i < k; ++i, panel += ldPanel) {
    F w[kVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) w[v] = fload(panel + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const F x = fset(a[r * lda + i]);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) sum[r][v] = fma(w[v], x, sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) fstore(out + r * ldOut + v * kLanes, sum[r][v]);
  }
}

template <int kVecs>
static void floatColumns(const float* panel, int64_t ldPanel, const float* a, int64_t lda, int rows, int64_t k,
                         float* out, int64_t ldOut, bool accumulate) {
  constexpr int kRows = kLanes == 16 ? 6 : 4;
  int r = 0;
  for (; r + kRows <= rows; r += kRows) {
    floatTile<kRows, kVecs>(panel, ldPanel, a + r * lda, lda, k, out + r * ldOut, ldOut, accumulate);
  }
  for (; r + 2 <= rows; r += 2) {
    floatTile<2, kVecs>(panel, ldPanel, a + r * lda, lda, k, out + r * ldOut, ldOut, accumulate);
  }
  for (; r < rows; ++r) {
    floatTile<1, kVecs>(panel, ldPanel, a + r * lda, lda, k, out + r * ldOut, ldOut, accumulate);
  }
}

// n: a multiple of kLanes.
static void floatGemm(const float* panel, int64_t ldPanel, int n, const float* a, int64_t lda, int rows, int64_t k,
                      float* out, int64_t ldOut, bool accumulate) {
  int i = 0;
  for (; i + kFloatVecs * kLanes <= n; i += kFloatVecs * kLanes) {
    floatColumns<kFloatVecs>(panel + i, ldPanel, a, lda, rows, k, out + i, ldOut, accumulate);
  }
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    floatColumns<2>(panel + i, ldPanel, a, lda, rows, k, out + i, ldOut, accumulate);
  }
  for (; i < n; i += kLanes) floatColumns<1>(panel + i, ldPanel, a, lda, rows, k, out + i, ldOut, accumulate);
}

// A panel of floats: [k][32 outputs].
template <class V>
static void unpackValues(const PanelArgs& a) {
  const auto load = [&](int row, int64_t k, int64_t some) __attribute__((always_inline)) {
    if (row >= a.n) return fzero();
    const std::byte* const p = a.weights + row * int64_t(a.rowBytes) + (a.k0 + k) * V::kBytes;
    const F v = some == kLanes ? V::load(p) : loadSomeOf<V>(p, some);
    if constexpr (!V::kFactors) return v;
    return fmul(v, fset(V::kUnit * (a.factors.values ? a.factors.at(row, (a.k0 + k) / a.factors.in) : 1.0f)));
  };
  constexpr int64_t kStep = 4 * kPanel;
  for (int64_t k = 0; k < a.k; k += kLanes) {
    const int64_t some = a.k - k < kLanes ? a.k - k : kLanes;
    std::byte* const panel = a.panel + k * kStep;
    for (int o = 0; o < kPanel; o += 4) {
      const auto put = [&](std::byte * to) __attribute__((always_inline)) {
        I rows[4], steps[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          const F v = load(o + i, k, some);
          memcpy(&rows[i], &v, sizeof v);
        }
        transposeLanes(rows[0], rows[1], rows[2], rows[3], steps);
#pragma GCC unroll 4
        for (int step = 0; step < 4; ++step) storeLanes(to + step * kStep, 4 * kStep, steps[step]);
      };
      if (some == kLanes) [[likely]] {
        put(panel + o * 4);
      } else {
        std::byte whole[kLanes * kStep];
        put(whole);
        for (int64_t j = 0; j < some; ++j) memcpy(panel + j * kStep + o * 4, whole + j * kStep, 16);
      }
    }
  }
}

static void gemmValues(const GemmArgs& a) {
  floatGemm(reinterpret_cast<const float*>(a.panel), kPanel, kPanel, reinterpret_cast<const float*>(a.acts) + a.k0,
            a.actStride / 4, a.rows, a.k, a.out, kPanel, a.accumulate);
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
