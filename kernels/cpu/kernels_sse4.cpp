#if defined(__x86_64__)
#define LEMMA_CPU_TARGET sse4
#include "kernels/cpu/simd_sse4.h"
// the vectors come first
#include "kernels/cpu/kernels_of_target.h"
#endif
