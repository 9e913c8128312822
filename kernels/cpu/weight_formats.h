// What the multiplying kernels must know of each weight format: where the 32 values of a block lie and how its scale,
// minimum or zero point applies. Adding a format = one struct here and one row in kernels_of_target.h.
// Included once a target; constant data, any thread.
#include <cstring>

#include "kernels/cpu/kernel_table.h"
#include "kernels/quant/q4_0.h"
#include "kernels/quant/q4_1.h"
#include "kernels/quant/q8_0.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

// value = scale * (level - kZero) [+ minimum]; kNibbles: byte i holds values i and i + 16. kHalves: a scale for each 16
// values. kSigned: the level is a signed byte, too large for the dot product of unsigned ones.
struct BlocksQ4_0 {
  static constexpr int kBytes = sizeof(Q4_0::Block), kQuants = offsetof(Q4_0::Block, q);
  static constexpr bool kNibbles = true, kMinimum = false, kHalves = false, kSigned = false;
  static constexpr int kZero = 8;
};
struct BlocksQ4_1 {
  static constexpr int kBytes = sizeof(Q4_1::Block), kQuants = offsetof(Q4_1::Block, q);
  static constexpr bool kNibbles = true, kMinimum = true, kHalves = false, kSigned = false;
  static constexpr int kZero = 0;
};
struct BlocksQ8_0 {
  static constexpr int kBytes = sizeof(Q8_0::Block), kQuants = offsetof(Q8_0::Block, q);
  static constexpr bool kNibbles = false, kMinimum = false, kHalves = false, kSigned = kByteZero == 0;
  static constexpr int kZero = kByteZero;
};

// kLanes values of a float format at p.
struct ValuesF32 {
  static constexpr int kBytes = 4;
  [[gnu::always_inline]] static inline F load(const std::byte* p) {
    F v;
    memcpy(&v, p, sizeof v);
    return v;
  }
};
struct ValuesF16 {
  static constexpr int kBytes = 2;
  [[gnu::always_inline]] static inline F load(const std::byte* p) { return loadHalf(p); }
};
struct ValuesBF16 {
  static constexpr int kBytes = 2;
  [[gnu::always_inline]] static inline F load(const std::byte* p) { return loadBfloat(p); }
};

// The first n (< kLanes) values, zero behind them.
template <class V>
LEMMA_SIMD F loadSomeOf(const std::byte* p, int64_t n) {
  alignas(64) std::byte buffer[4 * kLanes] = {};
  memcpy(buffer, p, size_t(n) * V::kBytes);
  return V::load(buffer);
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
