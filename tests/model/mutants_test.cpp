// 500 damaged models of each type of weights; 10,000 in the nightly tests.
#include "tests/model/model_mutants.h"

namespace lemma::test {
namespace {

class ModelMutants : public testing::TestWithParam<std::string> {};

TEST_P(ModelMutants, endInNumbersOrOneSentence) {
  [[maybe_unused]] const uint64_t before = peakMemory();
  runModelMutants(*typeInfo(GetParam()), 500, 1);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(peakMemory() - before, uint64_t(256) << 20);
#endif
}

INSTANTIATE_TEST_SUITE_P(All, ModelMutants, testing::ValuesIn(decodedTypes()),
                         [](const auto& type) { return type.param; });

}  // namespace
}  // namespace lemma::test
