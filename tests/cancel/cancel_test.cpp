// The short run of cancels at random moments on the default model; the long one is in tests/cancel_nightly.
#include "tests/cancel/cancels.h"

TEST(Cancel, endsSoonAndLeavesNothingBehind) { lemma::test::runCancels(45, 1, 0.8); }
