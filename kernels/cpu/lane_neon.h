// Lanes of 128 bits (lane_x86.h says what each function is) of AArch64's ASIMD, where a lane is a whole vector.
// Included once a target, after simd_neon.h; pure functions, any thread.
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lemma::cpu::LEMMA_CPU_TARGET {

using Lane = int32x4_t;
using Four = float32x4_t;  // floats

LEMMA_SIMD Lane load16(const void* p) { return iload(p); }
LEMMA_SIMD Lane load8(const void* p) {
  return vreinterpretq_s32_u8(vcombine_u8(vld1_u8(static_cast<const uint8_t*>(p)), vdup_n_u8(0)));
}
LEMMA_SIMD Lane ldword(int32_t x) { return vsetq_lane_s32(x, izero(), 0); }
LEMMA_SIMD Lane load4(const void* p) {
  int32_t x;
  memcpy(&x, p, 4);
  return ldword(x);
}
LEMMA_SIMD void lstore(void* p, Lane v) { vst1q_u8(static_cast<uint8_t*>(p), bytesOf(v)); }

LEMMA_SIMD Lane lzero() { return izero(); }
LEMMA_SIMD Lane lbytes(int all) { return bset(all); }
LEMMA_SIMD Lane lwords(int all) { return wset(all); }
LEMMA_SIMD Lane ldwords(int32_t all) { return iset(all); }
LEMMA_SIMD Lane lbytes(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l, int m, int n,
                       int o, int p) {
  return vreinterpretq_s32_s8(int8x16_t{int8_t(a), int8_t(b), int8_t(c), int8_t(d), int8_t(e), int8_t(f), int8_t(g),
                                        int8_t(h), int8_t(i), int8_t(j), int8_t(k), int8_t(l), int8_t(m), int8_t(n),
                                        int8_t(o), int8_t(p)});
}
LEMMA_SIMD Lane lwords(int a, int b, int c, int d, int e, int f, int g, int h) {
  return vreinterpretq_s32_s16(
      int16x8_t{int16_t(a), int16_t(b), int16_t(c), int16_t(d), int16_t(e), int16_t(f), int16_t(g), int16_t(h)});
}
LEMMA_SIMD Lane ldwords(int32_t a, int32_t b, int32_t c, int32_t d) { return Lane{a, b, c, d}; }
LEMMA_SIMD Lane lqwords(uint64_t a, uint64_t b) { return vreinterpretq_s32_u64(uint64x2_t{a, b}); }

LEMMA_SIMD Lane land(Lane a, Lane b) { return vandq_s32(a, b); }
LEMMA_SIMD Lane lor(Lane a, Lane b) { return vorrq_s32(a, b); }
LEMMA_SIMD Lane lxor(Lane a, Lane b) { return veorq_s32(a, b); }
LEMMA_SIMD Lane landNot(Lane without, Lane v) { return vbicq_s32(v, without); }
LEMMA_SIMD Lane lselect(Lane a, Lane b, Lane mask) { return vbslq_s32(vreinterpretq_u32_s32(mask), b, a); }

LEMMA_SIMD Lane laddBytes(Lane a, Lane b) { return badd(a, b); }
LEMMA_SIMD Lane lsubBytes(Lane a, Lane b) { return bsub(a, b); }
LEMMA_SIMD Lane laddDwords(Lane a, Lane b) { return vaddq_s32(a, b); }
LEMMA_SIMD Lane lsubDwords(Lane a, Lane b) { return vsubq_s32(a, b); }
LEMMA_SIMD Lane lmulWords(Lane a, Lane b) { return wmul(a, b); }
LEMMA_SIMD Lane lequalBytes(Lane a, Lane b) { return vreinterpretq_s32_u8(vceqq_u8(bytesOf(a), bytesOf(b))); }
LEMMA_SIMD Lane laboveDwords(Lane a, Lane b) { return vreinterpretq_s32_u32(vcgtq_s32(a, b)); }

LEMMA_SIMD Lane lwordsRight(Lane v, int n) { return vreinterpretq_s32_u16(vreinterpretq_u16_s32(v) >> n); }
LEMMA_SIMD Lane lwordsRightSigned(Lane v, int n) { return vreinterpretq_s32_s16(vreinterpretq_s16_s32(v) >> n); }
LEMMA_SIMD Lane lwordsLeft(Lane v, int n) { return vreinterpretq_s32_u16(vreinterpretq_u16_s32(v) << n); }
LEMMA_SIMD Lane ldwordsRight(Lane v, int n) { return vreinterpretq_s32_u32(vreinterpretq_u32_s32(v) >> n); }
LEMMA_SIMD Lane ldwordsLeft(Lane v, int n) { return vreinterpretq_s32_u32(vreinterpretq_u32_s32(v) << n); }

LEMMA_SIMD Lane lzipBytes(Lane a, Lane b) { return vreinterpretq_s32_u8(vzip1q_u8(bytesOf(a), bytesOf(b))); }
LEMMA_SIMD Lane lzipHighBytes(Lane a, Lane b) { return vreinterpretq_s32_u8(vzip2q_u8(bytesOf(a), bytesOf(b))); }
LEMMA_SIMD Lane lzipWords(Lane a, Lane b) {
  return vreinterpretq_s32_s16(vzip1q_s16(vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b)));
}
LEMMA_SIMD Lane lzipHighWords(Lane a, Lane b) {
  return vreinterpretq_s32_s16(vzip2q_s16(vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b)));
}
LEMMA_SIMD Lane lzipDwords(Lane a, Lane b) { return vzip1q_s32(a, b); }
LEMMA_SIMD Lane lzipHighDwords(Lane a, Lane b) { return vzip2q_s32(a, b); }
LEMMA_SIMD Lane lzipQwords(Lane a, Lane b) {
  return vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}
LEMMA_SIMD Lane lzipHighQwords(Lane a, Lane b) {
  return vreinterpretq_s32_s64(vzip2q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}
LEMMA_SIMD Lane lreorder(Lane v, Lane order) { return lookUp(v, order); }
LEMMA_SIMD Lane lpackWords(Lane a, Lane b) { return vreinterpretq_s32_u8(vuzp1q_u8(bytesOf(a), bytesOf(b))); }
LEMMA_SIMD Lane loddDwords(Lane a, Lane b) { return vuzp2q_s32(a, b); }
LEMMA_SIMD Lane llastDwords(Lane v) { return vdupq_laneq_s32(v, 3); }
LEMMA_SIMD Lane lwithDword2(Lane a, Lane b) { return vcopyq_laneq_s32(a, 2, b, 2); }
template <int kBytes>
LEMMA_SIMD Lane lskip(Lane v) {
  return vreinterpretq_s32_u8(vextq_u8(bytesOf(v), vdupq_n_u8(0), kBytes));
}
template <int i>
LEMMA_SIMD uint64_t lqword(Lane v) {
  return vgetq_lane_u64(vreinterpretq_u64_s32(v), i);
}

LEMMA_SIMD Four set4(float x) { return vdupq_n_f32(x); }
LEMMA_SIMD void store4(float* p, Four v) { vst1q_f32(p, v); }
LEMMA_SIMD Four mul4(Four a, Four b) { return vmulq_f32(a, b); }
LEMMA_SIMD Four toFloat4(Lane v) { return vcvtq_f32_s32(v); }
LEMMA_SIMD Four asFloat4(Lane bits) { return vreinterpretq_f32_s32(bits); }
LEMMA_SIMD float first4(Four v) { return vgetq_lane_f32(v, 0); }
LEMMA_SIMD float second4(Four v) { return vgetq_lane_f32(v, 1); }
LEMMA_SIMD Four one4(float x) { return vsetq_lane_f32(x, vdupq_n_f32(0), 0); }
LEMMA_SIMD Four root4(Four v) { return vsqrtq_f32(v); }

// Eight integers of 8 bits times `factor`, to out.
template <bool kUnsigned>
LEMMA_SIMD void storeScaled(Lane bytes, float factor, float* out) {
  Four low, high;
  if constexpr (kUnsigned) {
    const uint16x8_t words = vmovl_u8(vget_low_u8(bytesOf(bytes)));
    low = vcvtq_f32_u32(vmovl_u16(vget_low_u16(words)));
    high = vcvtq_f32_u32(vmovl_high_u16(words));
  } else {
    const int16x8_t words = vmovl_s8(vget_low_s8(vreinterpretq_s8_s32(bytes)));
    low = toFloat4(vmovl_s16(vget_low_s16(words)));
    high = toFloat4(vmovl_high_s16(words));
  }
  store4(out, mul4(low, set4(factor)));
  store4(out + 4, mul4(high, set4(factor)));
}

// Of the first four words.
LEMMA_SIMD Four halvesToFloats(Lane four) { return vcvt_f32_f16(vget_low_f16(vreinterpretq_f16_s32(four))); }

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
