// The backends of this build and their instruction sets by name, for tests that run on each of them. Test code only.
#pragma once

#include <string>
#include <vector>

#include "kernels/api/backend_list.h"

namespace lemma::test {

inline std::vector<std::string> backendNames() {
  std::vector<std::string> names;
  for (const BackendEntry& entry : backendList()) names.emplace_back(entry.name);
  return names;
}

// Instruction sets of the cpu backend for models whose matrices are small or of other formats than BF16 and F8: `bf16`
// is left out, since it computes these with the very kernels of `vnni` (kernels/cpu/targets.cpp).
inline std::vector<std::string> targetsOfSmallModels() {
  std::vector<std::string> targets;
  for (const std::string_view target : cpuTargets()) {
    if (target != "bf16") targets.emplace_back(target);
  }
  return targets;
}

}  // namespace lemma::test
