// Products of BF16 weights with activations rounded to BF16, two at a time (AVX512_BF16), for more than 8 rows. What
// this target has beside `vnni`, whose table it completes (targets.cpp). Class: divergence; sums are of 32 bits and
// run along k in order, so a row does not depend on the rows beside it.
#if defined(__x86_64__)
#include <cstring>

#define LEMMA_CPU_TARGET bf16
#include "kernels/cpu/simd_avx512.h"
// the vectors come first
#include "kernels/cpu/bfloat_kernels.h"
#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::bf16 {

constexpr int64_t kStep = 4 * kPanel;  // bytes of a panel for two values along k: [32 outputs][2]
constexpr int64_t kPairs = 16;         // steps that 32 values take

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

// Up to 32 values of four weight rows, zero behind them and in rows that there are not, to 16 steps of four outputs.
static void unpackBfloats(const PanelArgs& a) {
  for (int64_t k = 0; k < a.k; k += 32) {
    const int some = int(a.k - k < 32 ? a.k - k : 32);
    const auto mask = __mmask32(some == 32 ? ~0u : (1u << some) - 1);
    for (int o = 0; o < kPanel; o += 4) {
      I rows[4], steps[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const std::byte* const p = a.weights + (o + i) * int64_t(a.rowBytes) + (a.k0 + k) * 2;
        rows[i] = o + i < a.n ? _mm512_maskz_loadu_epi16(mask, p) : izero();
      }
      transposeLanes(rows[0], rows[1], rows[2], rows[3], steps);
      std::byte* const to = a.panel + k / 2 * kStep + o * 4;
#pragma GCC unroll 4
      for (int step = 0; step < 4; ++step) storeLanes(to + step * kStep, 4 * kStep, steps[step]);
    }
  }
}

LEMMA_SIMD void addProducts(F& sum, I w, I x) {  // of the intrinsic GCC 12 copies each sum before it adds to it
  __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x));
}

// kRows rows times the panel's 32 outputs.
template <int kRows>
static void tile(const GemmArgs& a, int row) {
  const std::byte* const x = a.acts + row * a.actStride + a.k0 * 2;
  const int64_t steps = (a.k + 1) / 2;
  const std::byte* panel = a.panel;
  float* const out = a.out + int64_t(row) * kPanel;
  F sum[kRows][2];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < 2; ++v) sum[r][v] = a.accumulate ? fload(out + r * kPanel + v * kLanes) : fzero();
  }
  for (int64_t i = 0; i < steps; ++i, panel += kStep) {
    const I w[2] = {iload(panel), iload(panel + 64)};
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      int32_t two;
      memcpy(&two, x + r * a.actStride + i * 4, sizeof two);
      const I xs = iset(two);
      addProducts(sum[r][0], w[0], xs);
      addProducts(sum[r][1], w[1], xs);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < 2; ++v) fstore(out + r * kPanel + v * kLanes, sum[r][v]);
  }
}

static void gemm(const GemmArgs& a) {
  int row = 0;
  for (; row + 8 <= a.rows; row += 8) tile<8>(a, row);
  for (; row + 4 <= a.rows; row += 4) tile<4>(a, row);
  for (; row < a.rows; ++row) tile<1>(a, row);
}

extern const BfloatKernels kKernels;
constinit const BfloatKernels kKernels = {
    .panelBytesPerBlock = int(kPairs * kStep), .unpack = unpackBfloats, .gemm = gemm, .toBfloats = toBfloats};

}  // namespace lemma::cpu::bf16
#endif
