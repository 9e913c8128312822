// More than 8 rows: a panel of 32 outputs is unpacked into cache and multiplied with every row. Included once a target.
// An output is summed block after block along k, whatever the tile it falls into, so a row's result does not depend on
// the rows beside it, on chunks or on threads.
#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

// A panel of 8-bit weights, per block of 32 along k: [8 steps of 4 values][32 outputs][4] bytes, [32] float scales,
// and [32] float minima where the format has them.
constexpr int kPanelLevels = 32 * kPanel;
constexpr int kPanelFloats = 4 * kPanel;

LEMMA_SIMD void transpose4(const __m128i* in, std::byte* out, int64_t stride) {
  const __m128i a = _mm_unpacklo_epi32(in[0], in[1]), b = _mm_unpacklo_epi32(in[2], in[3]);
  const __m128i c = _mm_unpackhi_epi32(in[0], in[1]), d = _mm_unpackhi_epi32(in[2], in[3]);
  const auto put = [&](int i, __m128i v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i * stride), v); };
  put(0, _mm_unpacklo_epi64(a, b));
  put(1, _mm_unpackhi_epi64(a, b));
  put(2, _mm_unpacklo_epi64(c, d));
  put(3, _mm_unpackhi_epi64(c, d));
}

template <class B>
static void unpackBlocks(const PanelArgs& a) {
  constexpr int64_t kStep = kPanelLevels + kPanelFloats * (B::kMinimum ? 2 : 1);
  const std::byte* const first = a.weights + a.k0 / 32 * B::kBytes;
  for (int64_t b = 0; b < a.k / 32; ++b) {
    std::byte* const panel = a.panel + b * kStep;
    alignas(64) int32_t starts[kPanel] = {};
    for (int o = 0; o < kPanel; o += 4) {
      __m128i low[4], high[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        low[i] = high[i] = _mm_setzero_si128();
        if (o + i >= a.n) continue;
        const std::byte* const block = first + (o + i) * int64_t(a.rowBytes) + b * B::kBytes;
        memcpy(starts + o + i, block, 4);
        const auto* q = reinterpret_cast<const __m128i*>(block + B::kQuants);
        if constexpr (B::kNibbles) {
          const __m128i v = _mm_loadu_si128(q);
          low[i] = _mm_and_si128(v, _mm_set1_epi8(15));
          high[i] = _mm_and_si128(_mm_srli_epi16(v, 4), _mm_set1_epi8(15));
          if constexpr (!B::kMinimum && kPanelZero != B::kZero) {
            low[i] = _mm_add_epi8(low[i], _mm_set1_epi8(char(kPanelZero - B::kZero)));
            high[i] = _mm_add_epi8(high[i], _mm_set1_epi8(char(kPanelZero - B::kZero)));
          }
        } else {
          low[i] = _mm_loadu_si128(q);
          high[i] = _mm_loadu_si128(q + 1);
          if constexpr (kByteZero == 128) {
            low[i] = _mm_xor_si128(low[i], _mm_set1_epi8(-128));
            high[i] = _mm_xor_si128(high[i], _mm_set1_epi8(-128));
          }
        }
      }
      transpose4(low, panel + o * 4, 4 * kPanel);
      transpose4(high, panel + 4 * 4 * kPanel + o * 4, 4 * kPanel);
    }
    auto* const scales = reinterpret_cast<float*>(panel + kPanelLevels);
    for (int o = 0; o < kPanel; o += kLanes) {
      const I v = iload(starts + o);
      fstore(scales + o, lowHalf(v));
      if constexpr (B::kMinimum) fstore(scales + kPanel + o, highHalf(v));
    }
  }
}

// kRows rows times kTileVecs vectors of outputs, from vector `firstVec` of the panel on.
template <class B, int kRows>
static void gemmTile(const GemmArgs& a, int row, int firstVec) {
  constexpr int64_t kStep = kPanelLevels + kPanelFloats * (B::kMinimum ? 2 : 1);
  const ActLayout& layout = *a.layout;
  const std::byte* const acts = a.acts + row * a.actStride;
  const int64_t stride = a.actStride;
  const int32_t firstBlock = int32_t(a.k0 / 32);
  const auto* const scales = reinterpret_cast<const float*>(acts + layout.scale);
  const auto* const extra = reinterpret_cast<const int32_t*>(acts + (B::kMinimum ? layout.sum : layout.start));
  const int64_t ld = stride / 4;
  const std::byte* panel = a.panel + firstVec * kLanes * 4;
  float* const out = a.out + int64_t(row) * kPanel + firstVec * kLanes;

  F sum[kRows][kTileVecs];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kTileVecs; ++v) sum[r][v] = a.accumulate ? fload(out + r * kPanel + v * kLanes) : fzero();
  }
  for (int32_t b = firstBlock; b < firstBlock + int32_t(a.k / 32); ++b, panel += kStep) {
    const std::byte* const x = acts + int64_t(b >> 2) * 128 + (b & 3) * 16;
    I dot[kRows][kTileVecs];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kTileVecs; ++v) {
        dot[r][v] = B::kMinimum ? izero() : panelStart(extra[r * ld + b], B::kNibbles);
      }
    }
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
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
          dot[r][v] = B::kNibbles ? dotNibble(dot[r][v], w[v], xs) : dotPanelByte(dot[r][v], w[v], xs);
        }
      }
    }
    const auto* const weightScales = reinterpret_cast<const float*>(panel + kPanelLevels);
    F ws[kTileVecs];
#pragma GCC unroll 4
    for (int v = 0; v < kTileVecs; ++v) ws[v] = fload(weightScales + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const F xs = fset(scales[r * ld + b]);
#pragma GCC unroll 4
      for (int v = 0; v < kTileVecs; ++v) sum[r][v] = fma(toFloat(dot[r][v]), fmul(ws[v], xs), sum[r][v]);
    }
    if constexpr (B::kMinimum) {
#pragma GCC unroll 4
      for (int v = 0; v < kTileVecs; ++v) ws[v] = fload(weightScales + kPanel + v * kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        float total;
        memcpy(&total, extra + r * ld + b, 4);
        const F xs = fset(total);
#pragma GCC unroll 4
        for (int v = 0; v < kTileVecs; ++v) sum[r][v] = fma(ws[v], xs, sum[r][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kTileVecs; ++v) fstore(out + r * kPanel + v * kLanes, sum[r][v]);
  }
}

template <class B>
static void gemmBlocks(const GemmArgs& a) {
  for (int v = 0; v < kPanel / kLanes; v += kTileVecs) {
    int row = 0;
    for (; row + kTileRows <= a.rows; row += kTileRows) gemmTile<B, kTileRows>(a, row, v);
    if constexpr (kTileRows > 4) {
      for (; row + 3 <= a.rows; row += 3) gemmTile<B, 3>(a, row, v);
    }
    for (; row < a.rows; ++row) gemmTile<B, 1>(a, row, v);
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
  auto* const panel = reinterpret_cast<float*>(a.panel);
  for (int64_t k = 0; k < a.k; k += kLanes) {
    const int64_t some = a.k - k < kLanes ? a.k - k : kLanes;
    for (int o = 0; o < kPanel; o += 4) {
      alignas(64) float rows[4][kLanes];
      for (int i = 0; i < 4; ++i) {
        F v = fzero();
        if (o + i < a.n) {
          const std::byte* const p = a.weights + (o + i) * int64_t(a.rowBytes) + (a.k0 + k) * V::kBytes;
          v = some == kLanes ? V::load(p) : loadSomeOf<V>(p, some);
        }
        fstore(rows[i], v);
      }
      for (int64_t j = 0; j < some; ++j) {
        for (int i = 0; i < 4; ++i) panel[(k + j) * kPanel + o + i] = rows[i][j];
      }
    }
  }
}

static void gemmValues(const GemmArgs& a) {
  floatGemm(reinterpret_cast<const float*>(a.panel), kPanel, kPanel, reinterpret_cast<const float*>(a.acts) + a.k0,
            a.actStride / 4, a.rows, a.k, a.out, kPanel, a.accumulate);
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
