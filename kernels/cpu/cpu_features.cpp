#include "kernels/cpu/cpu_features.h"

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace lemma::cpu {

#if defined(__x86_64__)
namespace {

struct Registers {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  Registers r;
  if (!__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d)) return {};
  return r;
}

bool bit(uint32_t word, int i) { return (word >> i) & 1; }

// Register sets that the operating system saves on a context switch (XCR0).
uint64_t savedState() {
  uint32_t low = 0, high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

}  // namespace

CpuFeatures cpuFeatures() {
  CpuFeatures f;
  const Registers one = cpuid(1), seven = cpuid(7);
  f.sse4 = bit(one.c, 9) && bit(one.c, 20);
  const bool osxsave = bit(one.c, 27);
  const uint64_t saved = osxsave ? savedState() : 0;
  const bool ymm = (saved & 0x6) == 0x6, zmm = (saved & 0xe6) == 0xe6;
  f.avx2 = f.sse4 && ymm && bit(one.c, 28) && bit(one.c, 12) && bit(one.c, 29) && bit(seven.b, 5) && bit(seven.b, 8);
  f.avxvnni = f.avx2 && bit(cpuid(7, 1).a, 4);
  f.avx512 =
      f.avx2 && zmm && bit(seven.b, 16) && bit(seven.b, 17) && bit(seven.b, 30) && bit(seven.b, 31);  // F DQ BW VL
  f.vnni = f.avx512 && bit(seven.c, 11);
  f.bf16 = f.vnni && bit(cpuid(7, 1).a, 5);
  // Intel's give half as many products as floats (family 6, model 207), AMD's twice as many (family 25, model 17).
  const bool intel = cpuid(0).b == 0x756e6547;  // "Genu"
  f.quickBf16 = f.bf16 && !intel;
  // Earlier ones of Intel's leak data by gathers and are slowed down for it; those with AVX512_FP16 do not.
  f.quickGathers = f.avx512 && intel && bit(seven.d, 23);
  return f;
}

std::string cpuBrand() {
  if (cpuid(0x80000000u).a < 0x80000004u) return {};
  char text[49] = {};
  for (uint32_t i = 0; i < 3; ++i) {
    const Registers r = cpuid(0x80000002u + i);
    std::memcpy(text + 16 * i, &r, 16);
  }
  std::string brand(text);
  brand.erase(0, brand.find_first_not_of(' '));
  return brand;
}

#else

#if defined(__aarch64__)
CpuFeatures cpuFeatures() {
  const unsigned long has = getauxval(AT_HWCAP);
  return {.asimd = (has & HWCAP_ASIMD) != 0, .neon = (has & HWCAP_ASIMD) != 0 && (has & HWCAP_ASIMDDP) != 0};
}
#else
CpuFeatures cpuFeatures() { return {}; }
#endif
std::string cpuBrand() { return {}; }

#endif

}  // namespace lemma::cpu
