// Which instruction sets this machine can run: the processor has them (cpuid) and the operating system saves their
// registers (xgetbv); on AArch64 Linux says both (AT_HWCAP). Pure questions to the processor, any thread.
#pragma once

#include <string>

namespace lemma::cpu {

struct CpuFeatures {
  bool sse4 = false;          // SSE4.2 and SSSE3
  bool avx2 = false;          // with FMA, F16C and BMI2
  bool avxvnni = false;       // AVX-VNNI, with all of avx2
  bool avx512 = false;        // F, BW, VL and DQ
  bool vnni = false;          // AVX512_VNNI
  bool bf16 = false;          // AVX512_BF16, with all of vnni
  bool quickBf16 = false;     // and more products a second than in floats
  bool quickGathers = false;  // eight points of a table by one instruction quicker than one by one
  bool asimd = false;         // AArch64's vectors
  bool neon = false;          // with the dot product of ARMv8.2
};

CpuFeatures cpuFeatures();

// The maker's name of the processor; empty where it has none.
std::string cpuBrand();

}  // namespace lemma::cpu
