#include "kernels/cpu/targets.h"

#include <algorithm>
#include <array>
#include <utility>
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

// A table with some formats ahead of all others, so that they are found first.
class Extended {
 public:
  Extended(const KernelTable& base, std::span<const FormatKernels> first)
      : formats_(first.begin(), first.end()), table_(base) {
    formats_.insert(formats_.end(), base.formats, base.formats + base.formatCount);
    table_.formats = formats_.data();
    table_.formatCount = int(formats_.size());
  }
  Extended(const Extended&) = delete;
  const KernelTable& table() const { return table_; }

 private:
  std::vector<FormatKernels> formats_;
  KernelTable table_;
};

// The table of `vnni` with the kernels of larger BF16 and 8-bit matrices.
const KernelTable& bfloatTable() {
  const auto larger = [](Type type, const BfloatFormat& with) {
    const std::span<const FormatKernels> all(vnni::kKernels.formats, size_t(vnni::kKernels.formatCount));
    FormatKernels many = *std::ranges::find(all, uint32_t(type), &FormatKernels::type);
    many.acts = Acts::bfloats;
    many.leastK = kLeastBfloatInputs;
    many.panelBytesPerBlock = with.panelBytesPerBlock;
    many.unpack = with.unpack;
    many.gemm = with.gemm;
    return many;
  };
  KernelTable base = vnni::kKernels;
  base.name = "bf16";
  base.toBfloats = bf16::kKernels.toBfloats;
  static const Extended bfloat(
      base, std::array{larger(Type::BF16, bf16::kKernels.bf16), larger(Type::F8_E4M3, bf16::kKernels.f8)});
  return bfloat.table();
}

const KernelTable& gatheringTable() {
  const KernelTable& base = vnni::kKernels;
  static const Extended gathering(base, {base.gathered, size_t(base.gatheredCount)});
  return gathering.table();
}

struct Runnable {
  std::vector<Target> targets;
  Runnable() {
    const CpuFeatures f = cpuFeatures();
    const bool has[] = {f.sse4, f.avx2, f.avxvnni, f.avx512, f.vnni, f.bf16};
    for (size_t i = 0; i < std::size(has); ++i) {
      if (has[i]) targets.push_back(builtTargets()[i]);
      if (has[i] && targets.back().kernels == &vnni::kKernels && f.quickGathers)
        targets.back().kernels = &gatheringTable();
    }
    if (f.bf16 && !f.quickBf16) std::swap(targets.end()[-1], targets.end()[-2]);
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
