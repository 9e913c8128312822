#if defined(__x86_64__)
#define LEMMA_CPU_TARGET avxvnni
#include "kernels/cpu/simd_avx2.h"
// the vectors come first
#include "kernels/cpu/kernels_of_target.h"
#endif
