// Counts what a test allocates: the largest number of bytes alive at once since reset(). Compile
// allocation_meter.cpp into the test program; it replaces operator new there.
#pragma once

#include <cstddef>

namespace lemma::test {

void resetAllocationPeak();  // counts from what is alive now
size_t allocationPeak();     // bytes above that
size_t largestAllocation();  // of a single one since then

}  // namespace lemma::test
