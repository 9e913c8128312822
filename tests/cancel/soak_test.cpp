// The short run of many questions on a model of 100 kB; the long ones are in tests/cancel_nightly.
#include "tests/cancel/soak.h"

TEST(Soak, leavesNothingBehind) {
  const lemma::test::TemporaryFolder folder;
  ASSERT_TRUE(lemma::writeTinyModel(folder / "model.gguf", {.context = 1024}));
  lemma::test::Soak(folder / "model.gguf", 1024, 60, 24, 1).run(400);
}
