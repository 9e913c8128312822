#include "engine/sample/sampler.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "tests/support/allocation_count.h"

namespace lemma {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

SamplerSettings off() {
  SamplerSettings s;
  s.temperature = 1;
  s.topK = 0;
  s.topP = 1;
  s.minP = 0;
  s.seed = 1;
  return s;
}

SamplerSettings fromJson(const nlohmann::json& j) {
  SamplerSettings s = off();
  s.temperature = j.value("temperature", 1.0f);
  s.topK = j.value("top_k", 0);
  s.topP = j.value("top_p", 1.0f);
  s.minP = j.value("min_p", 0.0f);
  s.repeat = j.value("repeat", 1.0f);
  s.presence = j.value("presence", 0.0f);
  s.frequency = j.value("frequency", 0.0f);
  s.penaltyWindow = j.value("penalty_window", 64);
  for (const auto& b : j.value("logit_bias", nlohmann::json::array())) {
    s.logitBias.emplace_back(Token(b[0].get<int>()), b[1].get<float>());
  }
  return s;
}

nlohmann::json goldens() {
  std::ifstream in(std::string(LEMMA_TESTS_DIR) + "/sample/goldens.json");
  return nlohmann::json::parse(in);
}

// Class: reference (probabilities to 1e-6, because the chain's logits are float32), bitwise for ids, draws and random
// numbers.
TEST(Sampler, goldens) {
  const nlohmann::json all = goldens();
  Random random(all["random"]["seed"].get<uint64_t>());
  for (const auto& want : all["random"]["next"]) EXPECT_EQ(std::to_string(random.next()), want.get<std::string>());
  EXPECT_GE(all["cases"].size(), 46u);
  for (const auto& c : all["cases"]) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const auto logits = c["logits"].get<std::vector<float>>();
    SamplerSettings settings = fromJson(c["settings"]);
    settings.seed = c["seed"];
    SamplerChain chain(settings, int(logits.size()));
    for (const int t : c["history"]) chain.accept(Token(t));
    std::vector<float> scratch = logits;
    const auto got = chain.distribution(scratch);
    ASSERT_EQ(got.size(), c["ids"].size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(int(got[i].token), c["ids"][i].get<int>()) << i;
      EXPECT_NEAR(got[i].weight, c["p"][i].get<double>(), 1e-6) << i;
    }
    for (const int want : c["draws"]) {
      scratch = logits;
      EXPECT_EQ(int(chain.sample(scratch)), want);
    }
  }
}

TEST(Sampler, exponential) {
  EXPECT_EQ(exactExp(0), 1.0);
  EXPECT_EQ(exactExp(-1e300), 0.0);
  EXPECT_EQ(exactExp(-std::numeric_limits<double>::infinity()), 0.0);
  for (double x = -700; x < 0; x += 0.0371) EXPECT_NEAR(exactExp(x) / std::exp(x), 1.0, 2e-15) << x;
}

TEST(Sampler, seedZeroIsChosenByChance) {
  SamplerSettings s = off();
  s.seed = 0;
  const SamplerChain a(s, 8), b(s, 8);
  EXPECT_NE(a.seed(), 0u);
  EXPECT_LT(a.seed(), 1ull << 53);
  EXPECT_NE(a.seed(), b.seed());
  s.seed = 77;
  EXPECT_EQ(SamplerChain(s, 8).seed(), 77u);
}

// Pearson's test: with 11 degrees of freedom 37.4 is passed by chance once in 10,000 runs, and the seeds are fixed.
TEST(Sampler, drawsFollowTheDistribution) {
  const std::vector<float> logits{1.5f, 0.2f, -1.0f, 3.0f, 0.0f, -0.3f, 2.2f, 1.1f, -2.0f, 0.7f, 2.9f, 1.9f};
  for (const float temperature : {0.7f, 1.0f, 2.0f}) {
    SamplerSettings s = off();
    s.temperature = temperature;
    s.seed = 99;
    SamplerChain chain(s, int(logits.size()));
    std::vector<float> scratch = logits;
    std::vector<double> p(logits.size());
    for (const Candidate& c : chain.distribution(scratch)) p[size_t(c.token)] = c.weight;
    EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1.0, 1e-12);
    constexpr int kDraws = 200000;
    std::vector<int> count(logits.size());
    for (int i = 0; i < kDraws; ++i) {
      scratch = logits;
      ++count[size_t(chain.sample(scratch))];
    }
    double chi = 0;
    for (size_t i = 0; i < p.size(); ++i) chi += std::pow(count[i] - kDraws * p[i], 2) / (kDraws * p[i]);
    EXPECT_LT(chi, 37.4) << temperature;
    EXPECT_GT(chi, 0.8) << "too even to be random";
  }
}

// One draw from each of many neighbouring seeds is a fair draw, too.
TEST(Sampler, neighbouringSeedsAreIndependent) {
  std::vector<int> count(8);
  SamplerSettings s = off();
  for (uint64_t seed = 1; seed <= 8000; ++seed) {
    s.seed = seed;
    SamplerChain chain(s, 8);
    std::vector<float> logits(8, 0.0f);
    ++count[size_t(chain.sample(logits))];
  }
  double chi = 0;
  for (const int c : count) chi += std::pow(c - 1000.0, 2) / 1000.0;
  EXPECT_LT(chi, 29.9);  // 7 degrees of freedom, once in 10,000
}

TEST(Sampler, strangeLogits) {
  const struct {
    const char* name;
    std::vector<float> logits;
    int greedy;
  } cases[] = {
      {"nan", {kNan, 1, 2}, 2},
      {"all nan", {kNan, kNan}, 0},
      {"all -inf", {-kInf, -kInf, -kInf}, 0},
      {"+inf", {1, kInf, 5}, 1},
      {"two +inf", {1, kInf, kInf}, 1},
      {"largest", {3.4e38f, -3.4e38f, 0}, 0},
      {"ties", {0, 2, 2, 2}, 1},
      {"one", {-5}, 0},
      {"none", {}, 0},
  };
  std::vector<SamplerSettings> chains;
  for (const float t : {0.0f, 1e-30f, 0.7f, 1e30f, kInf, kNan, -1.0f}) {
    for (const int k : {0, 1, 2, 1000}) {
      SamplerSettings s = off();
      s.temperature = t;
      s.topK = k;
      s.topP = k == 2 ? 0.5f : kNan;
      s.minP = k == 1000 ? 0.1f : kNan;
      s.repeat = k == 1 ? kNan : 0.0f;
      s.frequency = kInf;
      s.logitBias = {{Token(1), 1e38f}, {Token(-1), 1}, {Token(1 << 30), 1}};
      chains.push_back(s);
    }
  }
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    SamplerSettings greedy = off();
    greedy.temperature = 0;
    std::vector<float> scratch = c.logits;
    EXPECT_EQ(int(SamplerChain(greedy, int(c.logits.size())).sample(scratch)), c.greedy);
    for (const SamplerSettings& s : chains) {
      SamplerChain chain(s, int(c.logits.size()));
      chain.accept(Token(0));
      chain.accept(Token(-7));
      chain.accept(Token(1 << 30));
      scratch = c.logits;
      double sum = 0;
      for (const Candidate& k : chain.distribution(scratch)) sum += k.weight;
      EXPECT_NEAR(sum, 1.0, 1e-12);
      scratch = c.logits;
      const int got = int(chain.sample(scratch));
      EXPECT_GE(got, 0);
      EXPECT_LT(got, std::max<int>(1, int(c.logits.size())));
    }
  }
}

TEST(Sampler, bannedTokensNeverCome) {
  SamplerSettings s = off();
  s.logitBias = {{Token(1), -kInf}};
  SamplerChain chain(s, 3);
  for (int i = 0; i < 2000; ++i) {
    std::vector<float> logits{0, 9, 1};
    ASSERT_NE(int(chain.sample(logits)), 1);
  }
}

// The one-pass selection against a full sort, with many ties.
TEST(Sampler, topKOfALargeVocabulary) {
  Random random(5);
  for (const int vocabulary : {4097, 129280}) {
    std::vector<float> logits(static_cast<size_t>(vocabulary));
    for (float& x : logits) x = std::floor(float(random.uniform()) * 900) / 100;
    for (const int k : {1, 3, 40, 1000, vocabulary / 2}) {
      SamplerSettings s = off();
      s.topK = k;
      SamplerChain chain(s, vocabulary);
      std::vector<float> scratch = logits;
      std::vector<int> want(logits.size());
      std::iota(want.begin(), want.end(), 0);
      std::stable_sort(want.begin(), want.end(), [&](int a, int b) { return logits[size_t(a)] > logits[size_t(b)]; });
      const auto got = chain.distribution(scratch);
      ASSERT_EQ(got.size(), size_t(k));
      for (int i = 0; i < k; ++i) ASSERT_EQ(int(got[size_t(i)].token), want[size_t(i)]) << k << " " << i;
    }
  }
}

TEST(Sampler, nothingIsAllocatedPerToken) {
  constexpr int kVocabulary = 129280;
  Random random(3);
  std::vector<float> logits(kVocabulary), scratch(kVocabulary);
  for (float& x : logits) {  // nearly normal, standard deviation 3, as a model's logits are
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random.uniform();
    x = float(3 * sum);
  }
  for (const int topK : {0, 40}) {
    SamplerSettings s = off();
    s.topK = topK;
    s.topP = 0.95f;
    s.minP = 0.02f;
    s.temperature = 0.6f;
    s.repeat = 1.1f;
    s.frequency = 0.1f;
    s.logitBias = {{Token(7), 1.0f}};
    SamplerChain chain(s, kVocabulary);
    const long before = test::allocations();
    const auto start = std::chrono::steady_clock::now();
    constexpr int kTokens = 100;
    for (int i = 0; i < kTokens; ++i) {
      std::copy(logits.begin(), logits.end(), scratch.begin());
      chain.accept(chain.sample(scratch));
    }
    const double us =
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() / kTokens;
    EXPECT_EQ(test::allocations(), before) << "top-k " << topK;
    RecordProperty("us_per_token_top_k_" + std::to_string(topK), std::to_string(us));
    std::printf("top-k %d: %.0f us a token of a vocabulary of %d\n", topK, us, kVocabulary);
  }
}

}  // namespace
}  // namespace lemma
