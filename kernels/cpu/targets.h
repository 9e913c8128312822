// The instruction sets that this build has kernels for, and those that this machine can run, best last. Constant after
// the first call, any thread.
#pragma once

#include <span>
#include <string_view>

#include "kernels/cpu/kernel_table.h"

namespace lemma::cpu {

struct Target {
  std::string_view name;
  const KernelTable* kernels = nullptr;
};

std::span<const Target> builtTargets();
std::span<const Target> runnableTargets();

}  // namespace lemma::cpu
