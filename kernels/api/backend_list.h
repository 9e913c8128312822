// The backends of this build and how to make one. Constant data, any thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kernels/api/backend.h"
#include "kernels/api/work_count.h"

namespace lemma {

struct BackendOptions {
  DeviceId id{};
  int threads = 0;            // generation; 0 = as many as the machine has cores
  int promptThreads = 0;      // prompts; 0 = as threads
  std::string target;         // cpu: force one of cpuTargets(), empty = the best this machine can run
  WorkCount* work = nullptr;  // told of each chunk of work that was done; outlives the backend
};

struct BackendEntry {
  std::string_view name;  // "reference", "cpu"
  Result<std::unique_ptr<Backend>> (*make)(const BackendOptions&);
};

std::span<const BackendEntry> backendList();
const BackendEntry* backendEntry(std::string_view name);  // null = not in this build

// Instruction-set targets of the cpu backend that this machine can run, best last ("sse4", "avx2", "avxvnni", "avx512",
// "vnni", "bf16"; "asimd", "neon" on AArch64).
std::span<const std::string_view> cpuTargets();

}  // namespace lemma
