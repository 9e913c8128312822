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
namespace avxvnni {
extern const KernelTable kKernels;
}
namespace avx512 {
extern const KernelTable kKernels;
}
namespace vnni {
extern const KernelTable kKernels;
}

namespace {

constexpr Target kBuilt[] = {{"sse4", &sse4::kKernels},
                             {"avx2", &avx2::kKernels},
                             {"avxvnni", &avxvnni::kKernels},
                             {"avx512", &avx512::kKernels},
                             {"vnni", &vnni::kKernels}};

struct Runnable {
  std::array<Target, std::size(kBuilt)> targets;
  size_t count = 0;
  Runnable() {
    const CpuFeatures f = cpuFeatures();
    const bool has[] = {f.sse4, f.avx2, f.avxvnni, f.avx512, f.vnni};
    for (size_t i = 0; i < std::size(kBuilt); ++i) {
      if (has[i]) targets[count++] = kBuilt[i];
    }
  }
};

}  // namespace

std::span<const Target> builtTargets() { return kBuilt; }

std::span<const Target> runnableTargets() {
  static const Runnable runnable;
  return {runnable.targets.data(), runnable.count};
}
#else
std::span<const Target> builtTargets() { return {}; }
std::span<const Target> runnableTargets() { return {}; }
#endif

}  // namespace lemma::cpu
