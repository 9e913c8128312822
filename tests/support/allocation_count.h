// How often operator new was called in this program, by any thread. Compile allocation_count.cpp into the test program;
// it replaces operator new there.
#pragma once

namespace lemma::test {

long allocations();

}  // namespace lemma::test
