// Two thousand questions in a row, on a model of 100 kB and on the default one.
#include "tests/cancel/soak.h"

#include "tests/support/default_model.h"
#include "tests/support/goldens.h"

TEST(Soak, twoThousandOnATinyModel) {
  const lemma::test::TemporaryFolder folder;
  ASSERT_TRUE(lemma::writeTinyModel(folder / "model.gguf", {.context = 1024}));
  lemma::test::Soak(folder / "model.gguf", 1024, 60, 24, 2).run(2000);
}

TEST(Soak, twoThousandOnTheDefaultModel) {
  LEMMA_NEED_GOLDENS(lemma::test::defaultModel());
  lemma::test::Soak(lemma::test::defaultModel().string(), 1024, 90, 12, 3).run(2000);
}
