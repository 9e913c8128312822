// Products of BF16 and 8-bit floats, which BF16 holds exactly, with activations rounded to BF16, two at a time
// (AVX512_BF16), for more than 8 rows. What this target has beside `vnni`, whose table it completes (targets.cpp).
// Class: divergence; sums are of 32 bits and run along k in order, so a row does not depend on the rows beside it.
#if defined(__x86_64__)
#include <cstring>

#define LEMMA_CPU_TARGET bf16
#include "kernels/cpu/simd_avx512.h"
// the vectors come first
#include "kernels/cpu/bfloat_kernels.h"
#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::bf16 {

constexpr int64_t kStep = 4 * kPanel;   // bytes of a panel for two values along k: [32 outputs][2]
constexpr int64_t kBlock = 16 * kStep;  // for 32 values; with factors [32 outputs] floats behind them
constexpr int64_t kFactors = 4 * kPanel;

static void toBfloats(const float* in, int64_t n, std::byte* out) {
  const auto put = [&](F low, F high) __attribute__((always_inline)) {
    const __m512bh both = _mm512_cvtne2ps_pbh(high, low);
    memcpy(out, &both, sizeof both);
  };
  for (; n >= 32; n -= 32, in += 32, out += 64) put(fload(in), fload(in + kLanes));
  if (n > kLanes) {
    put(fload(in), firstOf(in + kLanes, int(n) - kLanes));
  } else if (n > 0) {
    put(firstOf(in, int(n)), fzero());
  }
}

// The 16 steps of a block for four outputs, from 32 values of four weight rows.
template <class RowOf>
LEMMA_SIMD void unpackBlock(std::byte* to, const RowOf& rowOf) {
  I rows[4], steps[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) rows[i] = rowOf(i);
  transposeLanes(rows[0], rows[1], rows[2], rows[3], steps);
#pragma GCC unroll 4
  for (int step = 0; step < 4; ++step) storeLanes(to + step * kStep, 4 * kStep, steps[step]);
}

// Zero behind k and in rows that there are not.
static void unpackBfloats(const PanelArgs& a) {
  for (int64_t k = 0; k < a.k; k += 32) {
    const auto mask = __mmask32(a.k - k >= 32 ? ~0u : (1u << (a.k - k)) - 1);
    for (int o = 0; o < kPanel; o += 4) {
      unpackBlock(
          a.panel + k / 32 * kBlock + o * 4, [&](int i) __attribute__((always_inline)) {
            const std::byte* const p = a.weights + (o + i) * int64_t(a.rowBytes) + (a.k0 + k) * 2;
            return o + i < a.n ? _mm512_maskz_loadu_epi16(mask, p) : izero();
          });
    }
  }
}

// Likewise; as 2^-8 of each value, which the factors make up for.
static void unpackEights(const PanelArgs& a) {
  for (int64_t k = 0; k < a.k; k += 32) {
    const auto mask = __mmask32(a.k - k >= 32 ? ~0u : (1u << (a.k - k)) - 1);
    std::byte* const block = a.panel + k / 32 * (kBlock + kFactors);
    for (int o = 0; o < kPanel; o += 4) {
      unpackBlock(
          block + o * 4, [&](int i) __attribute__((always_inline)) {
            alignas(32) std::byte eights[32] = {};
            if (o + i < a.n) {
              const std::byte* const p = a.weights + (o + i) * int64_t(a.rowBytes) + a.k0 + k;
              _mm256_store_si256(reinterpret_cast<__m256i*>(eights), _mm256_maskz_loadu_epi8(mask, p));
            }
            const __m512bh both = _mm512_cvtne2ps_pbh(smallHalves(eights + 16), smallHalves(eights));
            I bits;
            memcpy(&bits, &both, sizeof bits);
            return bits;
          });
    }
    float factors[kPanel] = {};
    for (int o = 0; o < a.n; ++o)
      factors[o] = 256 * (a.factors.values ? a.factors.at(o, (a.k0 + k) / a.factors.in) : 1.0f);
    memcpy(block + kBlock, factors, sizeof factors);
  }
}

LEMMA_SIMD void addProducts(F& sum, I w, I x) {  // of the intrinsic GCC 12 copies each sum before it adds to it
  __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x));
}

// kRows rows times the panel's 32 outputs. With factors each block has sums of its own, which they multiply.
template <bool kWithFactors, int kRows>
static void tile(const GemmArgs& a, int row) {
  const std::byte* x = a.acts + row * a.actStride + a.k0 * 2;
  const std::byte* panel = a.panel;
  float* const out = a.out + int64_t(row) * kPanel;
  F sum[kRows][2];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < 2; ++v) sum[r][v] = a.accumulate ? fload(out + r * kPanel + v * kLanes) : fzero();
  }
  for (int64_t k = 0; k < a.k; k += 32) {
    F part[kRows][2];
    if constexpr (kWithFactors) {
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) part[r][0] = part[r][1] = fzero();
    }
    auto& to = kWithFactors ? part : sum;
    for (int step = 0; step < 16; ++step, panel += kStep, x += 4) {
      const I w[2] = {iload(panel), iload(panel + 64)};
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        int32_t two;
        memcpy(&two, x + r * a.actStride, sizeof two);
        const I xs = iset(two);
        addProducts(to[r][0], w[0], xs);
        addProducts(to[r][1], w[1], xs);
      }
    }
    if constexpr (kWithFactors) {
      const auto* const factors = reinterpret_cast<const float*>(panel);
      const F f[2] = {fload(factors), fload(factors + kLanes)};
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        for (int v = 0; v < 2; ++v) sum[r][v] = fma(part[r][v], f[v], sum[r][v]);
      }
      panel += kFactors;
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < 2; ++v) fstore(out + r * kPanel + v * kLanes, sum[r][v]);
  }
}

template <bool kWithFactors>
static void gemm(const GemmArgs& a) {
  constexpr int kRows = kWithFactors ? 6 : 8;  // as many as the registers hold
  int row = 0;
  for (; row + kRows <= a.rows; row += kRows) tile<kWithFactors, kRows>(a, row);
  for (; row + 3 <= a.rows; row += 3) tile<kWithFactors, 3>(a, row);
  for (; row < a.rows; ++row) tile<kWithFactors, 1>(a, row);
}

extern const BfloatKernels kKernels;
constinit const BfloatKernels kKernels = {
    .bf16 = {int(kBlock), unpackBfloats, gemm<false>},
    .f8 = {int(kBlock + kFactors), unpackEights, gemm<true>},
    .toBfloats = toBfloats,
};

}  // namespace lemma::cpu::bf16
#endif
