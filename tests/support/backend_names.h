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

// Instruction sets of the cpu backend that this processor has.
inline std::vector<std::string> cpuTargetNames() {
  const auto targets = cpuTargets();
  return {targets.begin(), targets.end()};
}

}  // namespace lemma::test
