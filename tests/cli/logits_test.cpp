#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/cli/run_program.h"

namespace lemma::cli {
namespace {

struct Case {
  std::string prompt;
  std::vector<std::string> extra;
};

// Exactness: reference class, float32 on the reference backend, max |difference| <= 2e-3.
TEST(Logits, referenceModelInOneBatchInChunksAndTokenByToken) {
  const std::string goldens = goldensFolder();
  LEMMA_NEEDS(goldens, "the golden data");
  const std::string folder = goldens + "/models/llama31";
  const auto golden = parsed(slurp(folder + "/golden.json"))["prompts"];
  const Case kCases[] = {{"short", {}},
                         {"mid40", {}},
                         {"mid40", {"--chunk", "7"}},
                         {"short", {"--chunk", "1"}},
                         {"long200", {"--batch", "64"}}};
  for (const Case& c : kCases) {
    const auto& prompt = golden[c.prompt];
    const std::string out = temporaryPath("logits.npy");
    std::vector<std::string> arguments{
        "logits",   "-m",        folder + "/model-f32.gguf",
        "--device", "reference", "--kv",
        "f32",      "--tokens",  std::string("@").append(temporaryFile("ids.json", prompt["ids"].dump())),
        "--out",    out};
    arguments.insert(arguments.end(), c.extra.begin(), c.extra.end());
    const Ran ran = runCli(arguments);
    ASSERT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.out, "");
    const Npy got = readNpy(out), want = readNpy(folder + "/logits_" + c.prompt + ".npy");
    const int tokens = int(prompt["ids"].size());
    ASSERT_EQ(got.shape, (std::vector<int>{tokens, 512}));
    ASSERT_EQ(want.shape, (std::vector<int>{int(prompt["positions"].size()), 512}));
    float worst = 0;
    for (size_t row = 0; row < prompt["positions"].size(); ++row) {
      const auto at = size_t(prompt["positions"][row].get<int>());
      for (size_t i = 0; i < 512; ++i)
        worst = std::max(worst, std::abs(got.data[at * 512 + i] - want.data[row * 512 + i]));
    }
    EXPECT_LE(worst, 2e-3) << c.prompt << testing::PrintToString(c.extra);
  }
}

// Exactness: bitwise. The last rows are the last rows.
TEST(Logits, lastRowsOfAList) {
  const std::string goldens = goldensFolder();
  LEMMA_NEEDS(goldens, "the golden data");
  const std::string model = goldens + "/models/llama31/model-f32.gguf";
  const std::string all = temporaryPath("all.npy"), last = temporaryPath("last.npy");
  ASSERT_EQ(runCli({"logits", "-m", model, "--device", "reference", "--tokens", "1,2,3,4,5", "--out", all}).code, 0);
  ASSERT_EQ(
      runCli({"logits", "-m", model, "--device", "reference", "--tokens", "1,2,3,4,5", "--last", "2", "--out", last})
          .code,
      0);
  const Npy a = readNpy(all), b = readNpy(last);
  ASSERT_EQ(a.shape, (std::vector<int>{5, 512}));
  ASSERT_EQ(b.shape, (std::vector<int>{2, 512}));
  EXPECT_TRUE(std::equal(b.data.begin(), b.data.end(), a.data.begin() + 3 * 512));
}

TEST(Logits, wrongInput) {
  const std::string goldens = goldensFolder();
  LEMMA_NEEDS(goldens, "the golden data");
  const std::string model = goldens + "/models/llama31/model-f32.gguf";
  const std::string out = temporaryPath("wrong.npy"), missing = temporaryPath("missing");
  const std::vector<std::string> kWrong[] = {
      {"-m", model, "--tokens", "1,2", "--out", missing + "/x.npy"},
      {"-m", model, "--tokens", "", "--out", out},
      {"-m", model, "--tokens", "1,,2", "--out", out},
      {"-m", model, "--tokens", "1,512", "--out", out},
      {"-m", model, "--tokens", "-1", "--out", out},
      {"-m", model, "--tokens", std::string("@").append(missing), "--out", out},
      {"-m", model, "--tokens", "1"},
      {"-m", model, "--out", out},
      {"-m", model, "--tokens", "1", "--out", out, "--last", "0"},
      {"-m", model, "--tokens", "1", "--out", out, "--chunk", "-3"},
      {"-m", missing, "--tokens", "1", "--out", out},
  };
  for (const auto& wrong : kWrong) {
    std::vector<std::string> arguments{"logits", "--device", "reference"};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    const Ran ran = runCli(arguments);
    EXPECT_EQ(ran.code, 2) << testing::PrintToString(arguments) << ran.err;
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
    EXPECT_EQ(slurp(out), "");
  }
}

}  // namespace
}  // namespace lemma::cli
