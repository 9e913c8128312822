#if defined(__aarch64__)
#define LEMMA_CPU_TARGET asimd
#include "kernels/cpu/simd_neon.h"
// the vectors come first
#include "kernels/cpu/kernels_of_target.h"
#endif
