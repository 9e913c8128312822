// How much memory this process may still take: what the machine has free or could free, and what its control groups
// leave of their limits. Pure but for the files of /proc and /sys; any thread.
#pragma once

#include <cstdint>
#include <string>

namespace lemma {

// Pages of files that could be dropped count as free. `root` is where /proc and /sys are looked for. 0 = unknown.
uint64_t availableMemory(const std::string& root = "");

}  // namespace lemma
