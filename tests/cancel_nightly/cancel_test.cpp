// The long run of cancels at random moments on the default model; the short one is in tests/cancel.
#include "tests/cancel/cancels.h"

TEST(Cancel, aThousandTimes) { lemma::test::runCancels(1000, 2, 0.99); }
