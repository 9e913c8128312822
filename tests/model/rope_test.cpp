// Frequencies of rotary positions, and what YaRN makes of a model. Expected numbers: the formulas of the paper
// (arXiv:2309.00071) with the published settings of Qwen3 for 131072 tokens, worked out by hand.
#include "engine/blocks/rope.h"

#include "tests/model/run_model.h"
#include "tests/model/tiny_model.h"

namespace lemma::test {
namespace {

std::vector<float> frequenciesOf(const RopeParams& rope) {
  TemporaryFile path;
  EXPECT_TRUE(TinyModel().writer().write(path.path()));
  const auto file = openModel(path.path());
  if (!file) throw std::runtime_error(file.error().what);
  WeightStore weights(*file);
  const auto view = ropeFrequencies(rope, weights, 0);
  if (!view) throw std::runtime_error(view.error().what);
  const auto* values = reinterpret_cast<const float*>(view->data());
  return {values, values + view->ne[0]};
}

TEST(Rope, yarnKeepsFastFrequenciesAndStretchesSlowOnes) {
  RopeParams rope{.dims = 128, .base = 1e6f};
  const auto plain = frequenciesOf(rope);
  rope.yarn = {.factor = 4, .originalContext = 32768};
  const auto yarn = frequenciesOf(rope);
  ASSERT_EQ(yarn.size(), 64u);
  // 32 turns at 23.6, rounded down; one turn at 39.7, rounded up.
  for (size_t i = 0; i <= 23; ++i) EXPECT_FLOAT_EQ(yarn[i], plain[i]) << i;
  for (size_t i = 24; i < 40; ++i) {
    const double stretched = double(i - 23) / 17;
    EXPECT_NEAR(yarn[i] / plain[i], (1 - stretched) + stretched / 4, 1e-6) << i;
  }
  for (size_t i = 40; i < 64; ++i) EXPECT_FLOAT_EQ(yarn[i], plain[i] / 4) << i;
}

TEST(Rope, yarnOfAContextTooShortForAnyTurnStretchesAll) {
  RopeParams rope{.dims = 32};
  const auto plain = frequenciesOf(rope);
  rope.yarn = {.factor = 8, .originalContext = 1};
  const auto yarn = frequenciesOf(rope);
  EXPECT_FLOAT_EQ(yarn[0], plain[0]);  // the ramp begins at the first, whatever its turns
  for (size_t i = 1; i < yarn.size(); ++i) EXPECT_FLOAT_EQ(yarn[i], plain[i] / 8) << i;
}

// An original context so long that every frequency stays: what is left of YaRN is its factor on q and on k, so that
// a plain model whose attention is scaled by the square of it must compute the same.
TEST(Rope, yarnScalesQueriesAndKeys) {
  const float factor = 4, magnitude = 1 + 0.1f * std::log(factor);
  std::vector<int> ids(40);
  for (int i = 0; i < 40; ++i) ids[size_t(i)] = (i * 37 + i * i) % TinyModel::kVocabulary;
  TinyModel yarn("qwen3"), plain("qwen3");
  yarn.text["qwen3.rope.scaling.type"] = "yarn";
  yarn.real["qwen3.rope.scaling.factor"] = factor;
  yarn.whole["qwen3.rope.scaling.original_context_length"] = 1 << 24;
  for (TinyModel* tiny : {&yarn, &plain}) {
    for (auto& [name, tensor] : tiny->tensors) tensor.type = Type::F32;  // 8-bit activations would blur the comparison
  }
  plain.real["qwen3.attention.scale"] = magnitude * magnitude / std::sqrt(float(TinyModel::kWideHead));
  for (const char* backend : {"reference", "cpu"}) {
    SCOPED_TRACE(backend);
    std::vector<std::vector<float>> logits;
    for (const TinyModel* tiny : {&yarn, &plain}) {
      TemporaryFile file;
      ASSERT_TRUE(tiny->writer().write(file.path()));
      logits.push_back(logitsOf(*loadModel(file.path(), backend, "f32"), ids, 512));
    }
    ASSERT_EQ(logits[0].size(), logits[1].size());
    for (size_t i = 0; i < logits[0].size(); ++i) ASSERT_NEAR(logits[0][i], logits[1][i], 1e-4) << i;
  }
}

}  // namespace
}  // namespace lemma::test
