// As tests/model/mutants_test.cpp, by the thousand.
#include "tests/model/model_mutants.h"

namespace lemma::test {

class ModelMutants : public testing::TestWithParam<std::string> {};

TEST_P(ModelMutants, tenThousand) { runModelMutants(*typeInfo(GetParam()), 10'000, 2); }

INSTANTIATE_TEST_SUITE_P(All, ModelMutants, testing::ValuesIn(decodedTypes()),
                         [](const auto& type) { return type.param; });

}  // namespace lemma::test
