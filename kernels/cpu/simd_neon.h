// 128-bit vectors for the kernels: AArch64's ASIMD, and the dot product of ARMv8.2 where the file is compiled with it.
// What the names mean is told in simd_avx512.h. Included by one file a target, into that target's own namespace; pure
// functions, any thread.
#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace lemma::cpu::LEMMA_CPU_TARGET {

#define LEMMA_SIMD [[gnu::always_inline]] static inline

constexpr int kLanes = 4;
constexpr int kGroup = 1;
constexpr int kTileRows = 4;
constexpr int kTileVecs = 2;
constexpr int kFloatVecs = 4;
constexpr int kMaxStreams = 4;

using F = float32x4_t;
using I = int32x4_t;

LEMMA_SIMD F fzero() { return vdupq_n_f32(0); }
LEMMA_SIMD F fset(float x) { return vdupq_n_f32(x); }
LEMMA_SIMD F fload(const float* p) { return vld1q_f32(p); }
LEMMA_SIMD void fstore(float* p, F v) { vst1q_f32(p, v); }
LEMMA_SIMD F fadd(F a, F b) { return vaddq_f32(a, b); }
LEMMA_SIMD F fsub(F a, F b) { return vsubq_f32(a, b); }
LEMMA_SIMD F fmul(F a, F b) { return vmulq_f32(a, b); }
LEMMA_SIMD F fdiv(F a, F b) { return vdivq_f32(a, b); }
LEMMA_SIMD F fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }
LEMMA_SIMD F fmax(F a, F b) { return vmaxq_f32(a, b); }
LEMMA_SIMD F fmin(F a, F b) { return vminq_f32(a, b); }
LEMMA_SIMD F fabs(F a) { return vabsq_f32(a); }
LEMMA_SIMD F zeroBelow(F v, F x, float limit) {
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v), vcltq_f32(x, fset(limit))));
}

LEMMA_SIMD float16x4_t asHalves(uint16x4_t bits) { return vreinterpret_f16_u16(bits); }
LEMMA_SIMD uint16x4_t fourWords(const void* p) { return vreinterpret_u16_u8(vld1_u8(static_cast<const uint8_t*>(p))); }
LEMMA_SIMD F loadHalf(const void* p) { return vcvt_f32_f16(asHalves(fourWords(p))); }
LEMMA_SIMD F loadBfloat(const void* p) { return vreinterpretq_f32_u32(vshll_n_u16(fourWords(p), 16)); }
LEMMA_SIMD int16x4_t fourBytes(const void* p) {  // signed
  uint32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  return vget_low_s16(vmovl_s8(vcreate_s8(four)));
}
// 8-bit floats (1, 4 and 3 bits), 2^-8 of each: as halves their exponents are 8 too small, subnormals included. One
// more than the largest would carry into the exponent's highest bit, and makes the NaN one.
LEMMA_SIMD F smallHalves(const void* p) {
  const uint16x4_t h = vand_u16(vshl_n_u16(vreinterpret_u16_s16(fourBytes(p)), 7), vdup_n_u16(0xbfff));
  const uint16x4_t nan = vand_u16(vadd_u16(h, vdup_n_u16(0x80)), vdup_n_u16(0x4000));
  return vcvt_f32_f16(asHalves(vorr_u16(h, nan)));
}
LEMMA_SIMD F loadBytes(const void* p) { return vcvtq_f32_s32(vmovl_s16(fourBytes(p))); }
#define LEMMA_HAS_TO_HALF 1
LEMMA_SIMD void storeHalf(void* p, F v) { vst1_u8(static_cast<uint8_t*>(p), vreinterpret_u8_f16(vcvt_f16_f32(v))); }

LEMMA_SIMD uint8x16_t bytesOf(I v) { return vreinterpretq_u8_s32(v); }

LEMMA_SIMD I izero() { return vdupq_n_s32(0); }
LEMMA_SIMD I iset(int32_t x) { return vdupq_n_s32(x); }
LEMMA_SIMD I iload(const void* p) { return vreinterpretq_s32_u8(vld1q_u8(static_cast<const uint8_t*>(p))); }
LEMMA_SIMD I iadd(I a, I b) { return vaddq_s32(a, b); }
LEMMA_SIMD F toFloat(I v) { return vcvtq_f32_s32(v); }
LEMMA_SIMD I toInt(F v) { return vcvtnq_s32_f32(v); }
LEMMA_SIMD F exponent(I n) { return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, iset(127)), 23)); }
LEMMA_SIMD int32_t isum(I v) { return vaddvq_s32(v); }
// The largest of floats that are not negative, by their bits: a NaN is above all numbers then and is not lost.
LEMMA_SIMD F maxBits(F a, F b) {
  return vreinterpretq_f32_s32(vmaxq_s32(vreinterpretq_s32_f32(a), vreinterpretq_s32_f32(b)));
}
LEMMA_SIMD float hmaxBits(F v) { return __builtin_bit_cast(float, vmaxvq_s32(vreinterpretq_s32_f32(v))); }
LEMMA_SIMD float hmax(F v) { return vmaxvq_f32(v); }

LEMMA_SIMD F sum4(F a, F b, F c, F d) { return vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)); }

template <int kStep>
LEMMA_SIMD F spread(F scales) {
  return vdupq_laneq_f32(scales, kStep);
}

// Signed bytes by signed bytes, as all levels are once a panel's lie around zero.
constexpr int kByteZero = 0;
constexpr int kPanelZero = 0;
template <bool>
LEMMA_SIMD I dotBytes(I acc, I w, I x) {
  const int8x16_t a = vreinterpretq_s8_s32(w), b = vreinterpretq_s8_s32(x);
#if defined(__ARM_FEATURE_DOTPROD)
  return vdotq_s32(acc, a, b);
#else  // x is within -127..127, so two products fit 16 bits
  return vpadalq_s16(acc, vpaddq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)), vmull_high_s8(a, b)));
#endif
}
LEMMA_SIMD I panelStart(int32_t, bool) { return izero(); }

constexpr int kWordRows = 4;
constexpr int kWordVecs = 2;
LEMMA_SIMD I dotWords(I acc, I a, I b) {
  const int16x8_t x = vreinterpretq_s16_s32(a), y = vreinterpretq_s16_s32(b);
  return vaddq_s32(acc, vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y)));
}
LEMMA_SIMD I pairWords(I low, I high) { return vsliq_n_s32(low, high, 16); }
LEMMA_SIMD void storeWords(void* p, I v) { vst1_u8(static_cast<uint8_t*>(p), vreinterpret_u8_s16(vqmovn_s32(v))); }
LEMMA_SIMD F selectBelow(F a, F b, F x, F limit) { return vbslq_f32(vcltq_f32(x, limit), a, b); }

LEMMA_SIMD I lanesOf(const I* v) { return v[0]; }
LEMMA_SIMD void transposeLanes(I a, I b, I c, I d, I* out) {
  const I ac = vzip1q_s32(a, c), bd = vzip1q_s32(b, d), eg = vzip2q_s32(a, c), fh = vzip2q_s32(b, d);
  out[0] = vzip1q_s32(ac, bd);
  out[1] = vzip2q_s32(ac, bd);
  out[2] = vzip1q_s32(eg, fh);
  out[3] = vzip2q_s32(eg, fh);
}
LEMMA_SIMD void storeLanes(std::byte* p, int64_t, I v) { vst1q_u8(reinterpret_cast<uint8_t*>(p), bytesOf(v)); }
LEMMA_SIMD I everyLane(I v) { return v; }
LEMMA_SIMD I bset(int x) { return vreinterpretq_s32_u8(vdupq_n_u8(uint8_t(x))); }
LEMMA_SIMD I band(I a, I b) { return vandq_s32(a, b); }
LEMMA_SIMD I bor(I a, I b) { return vorrq_s32(a, b); }
LEMMA_SIMD I badd(I a, I b) { return vreinterpretq_s32_u8(vaddq_u8(bytesOf(a), bytesOf(b))); }
LEMMA_SIMD I bsub(I a, I b) { return vreinterpretq_s32_u8(vsubq_u8(bytesOf(a), bytesOf(b))); }
LEMMA_SIMD I wset(int x) { return vreinterpretq_s32_u16(vdupq_n_u16(uint16_t(x))); }
LEMMA_SIMD I wmul(I a, I b) {
  return vreinterpretq_s32_u16(vmulq_u16(vreinterpretq_u16_s32(a), vreinterpretq_u16_s32(b)));
}
template <int kBits>
LEMMA_SIMD I wshift(I v) {  // right
  return vreinterpretq_s32_u16(vshrq_n_u16(vreinterpretq_u16_s32(v), kBits));
}
LEMMA_SIMD I btimes16(I v) { return vreinterpretq_s32_u8(vshlq_n_u8(bytesOf(v), 4)); }  // of bytes below 16
LEMMA_SIMD I lookUp(I table, I index) { return vreinterpretq_s32_u8(vqtbl1q_u8(bytesOf(table), bytesOf(index))); }
LEMMA_SIMD I addWhereAll(I x, I v, I bits, int more) {
  return badd(x, band(vreinterpretq_s32_u8(vceqq_u8(bytesOf(band(v, bits)), bytesOf(bits))), bset(more)));
}
LEMMA_SIMD I addWhereAtLeast(I x, I v, int least) {
  return bsub(x, vreinterpretq_s32_u8(vcgeq_u8(bytesOf(v), vdupq_n_u8(uint8_t(least)))));
}
LEMMA_SIMD uint8x16_t maskOf(uint64_t bytes) {
  const uint8x16_t spread = vcombine_u8(vdup_n_u8(uint8_t(bytes)), vdup_n_u8(uint8_t(bytes >> 8)));
  return vtstq_u8(spread, vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201)));
}
LEMMA_SIMD I addWhere(I x, uint64_t bytes, int more) {
  return badd(x, band(vreinterpretq_s32_u8(maskOf(bytes)), bset(more)));
}
LEMMA_SIMD I mirrorWhere(I x, uint64_t bytes, int sum) {
  return vreinterpretq_s32_u8(vbslq_u8(maskOf(bytes), bytesOf(bsub(bset(sum), x)), bytesOf(x)));
}
LEMMA_SIMD I shiftLanes(I v, const int* n) { return vreinterpretq_s32_u32(vreinterpretq_u32_s32(v) >> n[0]); }

LEMMA_SIMD void storeBytes(const F* v, std::byte* first, std::byte* second, int32_t* sums) {
  const auto sixteen = [](const F* from, std::byte* to, int32_t& sum) __attribute__((always_inline)) {
    const I a = toInt(from[0]), b = toInt(from[1]), c = toInt(from[2]), d = toInt(from[3]);
    const int16x8_t low = vcombine_s16(vqmovn_s32(a), vqmovn_s32(b)), high = vcombine_s16(vqmovn_s32(c), vqmovn_s32(d));
    vst1q_s8(reinterpret_cast<int8_t*>(to), vcombine_s8(vqmovn_s16(low), vqmovn_s16(high)));
    sum = isum(iadd(iadd(a, b), iadd(c, d)));
  };
  sixteen(v, first, sums[0]);
  sixteen(v + 4, second, sums[1]);
}

// The first `count` of kLanes floats, zeros behind.
LEMMA_SIMD F firstOf(const float* p, int count) {
  const uint32x4_t there = vcltq_s32(I{0, 1, 2, 3}, iset(count));
  return vreinterpretq_f32_u32(vandq_u32(there, vreinterpretq_u32_f32(fload(p))));
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
