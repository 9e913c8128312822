// What a model takes of the machine's memory, known when it is prepared and before any of it is written or read.
// Pure values and functions, any thread.
#pragma once

#include <cstdint>

#include "kernels/api/result.h"

namespace lemma {

struct MemoryPlan {
  uint64_t mapped = 0;   // weights in pages of the file, which the system may drop and read again
  uint64_t experts = 0;  // room for those that are read from the disk when they are chosen
  uint64_t cache = 0;    // keys and values of the whole context
  uint64_t buffers = 0;  // what passes work on
  uint64_t own() const { return experts + cache + buffers; }  // cannot be dropped
};

// Err::outOfMemory, naming what is short, where its own part is more than is `available`; 0 = not known.
Result<void> checkFits(const MemoryPlan& plan, int context, uint64_t available);

}  // namespace lemma
