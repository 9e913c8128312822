// The long run over damaged files; the short one is in tests/gguf.
#include "tests/gguf/mutants.h"

TEST(GgufMutants, tenThousand) { lemma::test::runMutants(10'000, 2); }
