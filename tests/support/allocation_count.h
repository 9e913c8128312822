// How often operator new was called in this program. Replaces operator new; test code only.
#pragma once

namespace lemma::test {

long allocations();

}  // namespace lemma::test
