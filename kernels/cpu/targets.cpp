#include "kernels/cpu/targets.h"

#include <algorithm>
#include <vector>

#include "kernels/api/type.h"
#include "kernels/cpu/bfloat_kernels.h"
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
namespace bf16 {
extern const BfloatKernels kKernels;
}

namespace {

// Of smaller matrices a prompt takes no time worth rounding for.
constexpr int64_t kLeastBfloatInputs = 512;

// The table of `vnni` with the kernels of larger BF16 and 8-bit matrices ahead of the others.
struct Bfloat {
  std::vector<FormatKernels> formats;
  KernelTable table = vnni::kKernels;
  Bfloat() {
    const std::span<const FormatKernels> all(table.formats, size_t(table.formatCount));
    const auto add = [&](Type type, const BfloatFormat& with) {
      FormatKernels many = *std::ranges::find(all, uint32_t(type), &FormatKernels::type);
      many.acts = Acts::bfloats;
      many.leastK = kLeastBfloatInputs;
      many.panelBytesPerBlock = with.panelBytesPerBlock;
      many.unpack = with.unpack;
      many.gemm = with.gemm;
      formats.push_back(many);
    };
    add(Type::BF16, bf16::kKernels.bf16);
    add(Type::F8_E4M3, bf16::kKernels.f8);
    formats.insert(formats.end(), all.begin(), all.end());
    table.name = "bf16";
    table.formats = formats.data();
    table.formatCount = int(formats.size());
    table.toBfloats = bf16::kKernels.toBfloats;
  }
};

const KernelTable& bfloatTable() {
  static const Bfloat bfloat;
  return bfloat.table;
}

struct Runnable {
  std::vector<Target> targets;
  Runnable() {
    const CpuFeatures f = cpuFeatures();
    const bool has[] = {f.sse4, f.avx2, f.avxvnni, f.avx512, f.vnni, f.bf16};
    for (size_t i = 0; i < std::size(has); ++i) {
      if (has[i]) targets.push_back(builtTargets()[i]);
    }
  }
};

}  // namespace

std::span<const Target> builtTargets() {
  static const Target built[] = {{"sse4", &sse4::kKernels},       {"avx2", &avx2::kKernels},
                                 {"avxvnni", &avxvnni::kKernels}, {"avx512", &avx512::kKernels},
                                 {"vnni", &vnni::kKernels},       {"bf16", &bfloatTable()}};
  return built;
}

std::span<const Target> runnableTargets() {
  static const Runnable runnable;
  return runnable.targets;
}
#elif defined(__aarch64__)
namespace asimd {
extern const KernelTable kKernels;
}
namespace neon {
extern const KernelTable kKernels;
}

namespace {
constexpr Target kBuilt[] = {{"asimd", &asimd::kKernels}, {"neon", &neon::kKernels}};
}

std::span<const Target> builtTargets() { return kBuilt; }

std::span<const Target> runnableTargets() {
  const CpuFeatures f = cpuFeatures();
  return builtTargets().first(f.neon ? 2 : f.asimd ? 1 : 0);
}
#else
std::span<const Target> builtTargets() { return {}; }
std::span<const Target> runnableTargets() { return {}; }
#endif

}  // namespace lemma::cpu
