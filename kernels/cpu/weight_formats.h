// How the kernels read formats of floats. The other formats are in weight_formats_32.h, weight_formats_k.h and
// weight_formats_grid.h. Included once a target; constant data, any thread.
#include <cstring>

#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu::LEMMA_CPU_TARGET {

// kLanes values of a float format at p, each kUnit times too small. kFactors: factors may lie beside the matrix.
struct ValuesF32 {
  static constexpr int kBytes = 4;
  static constexpr bool kFactors = false;
  static constexpr float kUnit = 1;
  [[gnu::always_inline]] static inline F load(const std::byte* p) {
    F v;
    memcpy(&v, p, sizeof v);
    return v;
  }
};
struct ValuesF16 {
  static constexpr int kBytes = 2;
  static constexpr bool kFactors = false;
  static constexpr float kUnit = 1;
  [[gnu::always_inline]] static inline F load(const std::byte* p) { return loadHalf(p); }
};
struct ValuesBF16 {
  static constexpr int kBytes = 2;
  static constexpr bool kFactors = false;
  static constexpr float kUnit = 1;
  [[gnu::always_inline]] static inline F load(const std::byte* p) { return loadBfloat(p); }
};
struct ValuesF8 {
  static constexpr int kBytes = 1;
  static constexpr bool kFactors = true;
  static constexpr float kUnit = 256;
  [[gnu::always_inline]] static inline F load(const std::byte* p) { return smallHalves(p); }
};

// The first n (< kLanes) values, zero behind them.
template <class V>
LEMMA_SIMD F loadSomeOf(const std::byte* p, int64_t n) {
  alignas(64) std::byte buffer[4 * kLanes] = {};
  memcpy(buffer, p, size_t(n) * V::kBytes);
  return V::load(buffer);
}

}  // namespace lemma::cpu::LEMMA_CPU_TARGET
