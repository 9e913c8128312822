#if defined(__x86_64__)
#define LEMMA_CPU_TARGET vnni
#include "kernels/cpu/simd_avx512.h"
// the vectors come first
#include "kernels/cpu/kernels_of_target.h"
#endif
