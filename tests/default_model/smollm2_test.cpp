// The default model. Class reference on the reference backend: its golden logits are stored as float16, so 2e-3 are
// allowed beyond what that rounds away (half of the last place: 0.0078 from 16 on, 0.0156 from 32 on). Class divergence
// of the fast backend on every instruction set against the reference backend: mean KL <= 0.01, no row above 0.1, argmax
// equal where the margin is above 1.0.
#include <nlohmann/json.hpp>

#include "engine/gguf/gguf_file.h"
#include "engine/quantise/quantise.h"
#include "kernels/api/backend_list.h"
#include "tests/model/divergence.h"
#include "tests/support/backend_names.h"
#include "tests/support/default_model.h"
#include "tests/support/goldens.h"
#include "tests/support/npy.h"
#include "tests/support/temporary_folder.h"

namespace lemma::test {
namespace {

constexpr double kReference = 2e-3;
constexpr ptrdiff_t kGreedy = 12;  // tokens of each answer: the reference backend takes its time

struct Prompt {
  std::string name;
  std::vector<int> ids, greedy;
  Npy logits;
};

std::vector<Prompt> prompts() {
  const auto folder = goldens() / "smollm2";
  const auto golden = nlohmann::json::parse(readText(folder / "golden.json"));
  std::vector<Prompt> out;
  for (const auto& [name, p] : golden["prompts"].items()) {
    out.push_back({name, p["ids"].get<std::vector<int>>(), p["greedy"].get<std::vector<int>>(),
                   readNpy(folder / ("logits_" + name + ".npy"))});
  }
  return out;
}

// Half of the last place of a float16 of this size: what storing it may have moved it.
double halfPlace(float x) { return std::ldexp(1.0, std::max(std::ilogb(x == 0 ? 1e-8f : x), -14) - 11); }

TEST(SmolLm2, referenceLogitsAndGreedyTokens) {
  LEMMA_NEED_GOLDENS(goldens() / "smollm2");
  LEMMA_NEED_GOLDENS(defaultModel());
  const auto model = loadModel(defaultModel().string(), "reference", "f32");
  const int vocabulary = model->info().vocabulary;
  for (const Prompt& p : prompts()) {
    SCOPED_TRACE(p.name);
    const std::vector<float> got = logitsOf(*model, p.ids, 512);
    ASSERT_EQ(got.size(), p.logits.data.size());
    double worst = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_TRUE(std::isfinite(got[i]));
      const float stored = p.logits.data[i];
      worst = std::max(worst, std::fabs(double(got[i]) - double(stored)) - halfPlace(stored));
    }
    EXPECT_LE(worst, kReference);
    RecordProperty(p.name, std::to_string(worst));
    const std::vector<int> first(p.greedy.begin(),
                                 p.greedy.begin() + std::min<ptrdiff_t>(kGreedy, std::ssize(p.greedy)));
    EXPECT_EQ(greedy(*model, p.ids, int(first.size())), first);
    for (size_t i = 0; i < p.ids.size(); ++i) {
      const float* want = p.logits.row(int64_t(i));
      if (margin(want, vocabulary) > 2e-2f) {
        EXPECT_EQ(argmax(got.data() + i * size_t(vocabulary), vocabulary), argmax(want, vocabulary)) << i;
      }
    }
  }
}

TEST(SmolLm2, fastBackendsDivergeLittle) {
  LEMMA_NEED_GOLDENS(goldens() / "smollm2");
  LEMMA_NEED_GOLDENS(defaultModel());
  if (cpuTargets().empty()) GTEST_SKIP() << "this build has no fast backend";
  const auto reference = loadModel(defaultModel().string(), "reference", "f32");
  const int vocabulary = reference->info().vocabulary;
  for (const Prompt& p : prompts()) {
    const std::vector<float> want = logitsOf(*reference, p.ids, 512);
    for (const std::string& target : cpuTargetNames()) {
      for (const char* kvType : {"f16", "q8_0"}) {
        for (const int chunk : {512, 1}) {
          SCOPED_TRACE(p.name + " on " + target + ", cache " + kvType + ", chunks of " + std::to_string(chunk));
          auto fast = Model::load(
              {.path = defaultModel().string(), .threads = 2, .kvType = kvType, .backend = "cpu", .target = target});
          ASSERT_TRUE(fast) << fast.error().what;
          const std::vector<float> got = logitsOf(**fast, p.ids, chunk);
          const Divergence d = expectClose(want, got, vocabulary);
          RecordProperty(p.name + "_" + target + "_" + kvType + "_" + std::to_string(chunk),
                         std::to_string(d.mean) + " mean, " + std::to_string(d.worst) + " worst");
        }
      }
    }
  }
}

// The same weights in BF16, against the target that multiplies them as floats: prompts diverge little, up to 8 rows are
// the same bits.
TEST(SmolLm2, promptsOfBf16DivergeLittle) {
  LEMMA_NEED_GOLDENS(goldens() / "smollm2");
  LEMMA_NEED_GOLDENS(defaultModel());
  if (std::ranges::count(cpuTargets(), "bf16") == 0) GTEST_SKIP() << "this processor has no products of BF16";
  const TemporaryFolder folder;
  const std::string file = folder / "bf16.gguf";
  const auto source = openGguf(defaultModel().string());
  ASSERT_TRUE(source) << source.error().what;
  const CancelFlag cancel(false);
  ASSERT_TRUE(quantise(*source, file, {.recipe = *findRecipe("BF16"), .threads = 2}, {}, cancel));
  const auto load = [&](const char* target) {
    return *Model::load({.path = file, .threads = 2, .kvType = "f32", .backend = "cpu", .target = target});
  };
  const auto floats = load("vnni"), bfloats = load("bf16");
  const int vocabulary = floats->info().vocabulary;
  for (const Prompt& p : prompts()) {
    SCOPED_TRACE(p.name);
    const std::vector<float> want = logitsOf(*floats, p.ids, 512), got = logitsOf(*bfloats, p.ids, 512);
    const Divergence d = expectClose(want, got, vocabulary);
    EXPECT_GT(d.worst, 1e-6) << "nothing was rounded: was it computed in floats?";
    EXPECT_EQ(logitsOf(*bfloats, p.ids, 8), logitsOf(*floats, p.ids, 8));
    RecordProperty(p.name, std::to_string(d.mean) + " mean, " + std::to_string(d.worst) + " worst");
  }
}

TEST(SmolLm2, saysWhatItIs) {
  LEMMA_NEED_GOLDENS(defaultModel());
  const auto model = Model::load({.path = defaultModel().string(), .vocabularyOnly = true});
  ASSERT_TRUE(model) << model.error().what;
  const ModelInfo& info = (*model)->info();
  EXPECT_EQ(info.architecture, "llama");
  EXPECT_EQ(info.licence, "apache-2.0");
  EXPECT_EQ(info.quantisation, "Q4_1");
  EXPECT_EQ(info.parameters, 134'515'008u);
  EXPECT_EQ(info.layers, 30);
  EXPECT_EQ(info.embedding, 576);
  EXPECT_EQ(info.vocabulary, 49152);
  EXPECT_EQ(info.contextTrained, 8192);
  EXPECT_EQ(info.id.size(), 32u);
  EXPECT_TRUE(info.hasTemplate);
  EXPECT_TRUE(info.hasTokenizer);
  EXPECT_FALSE(info.thinksByItself);
}

}  // namespace
}  // namespace lemma::test
