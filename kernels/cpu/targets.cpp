#include "kernels/cpu/targets.h"

#include <array>

#include "kernels/cpu/cpu_features.h"

namespace lemma::cpu {

#if defined(__x86_64__)
namespace sse4 {
extern const KernelTable kKernels;
}
namespace avx2 {
extern const KernelTable kKernels;
}
namespace avx512 {
extern const KernelTable kKernels;
}
namespace vnni {
extern const KernelTable kKernels;
}

namespace {

struct Runnable {
  std::array<Target, 4> targets;
  size_t count = 0;
  Runnable() {
    const CpuFeatures f = cpuFeatures();
    if (f.sse4) targets[count++] = {"sse4", &sse4::kKernels};
    if (f.avx2) targets[count++] = {"avx2", &avx2::kKernels};
    if (f.avx512) targets[count++] = {"avx512", &avx512::kKernels};
    if (f.vnni) targets[count++] = {"vnni", &vnni::kKernels};
  }
};

}  // namespace

std::span<const Target> runnableTargets() {
  static const Runnable runnable;
  return {runnable.targets.data(), runnable.count};
}
#else
std::span<const Target> runnableTargets() { return {}; }
#endif

}  // namespace lemma::cpu
