#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tests/cli/run_program.h"

namespace lemma::cli {
namespace {

TEST(Bench, json) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const Ran ran = runCli({"bench", "--json", "-p", "32", "-n", "4,8", "-d", "64,0", "-r", "2", "-t", "1", "-tb", "2"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto rows = parsed(ran.out);
  ASSERT_EQ(rows.size(), 6u);
  std::vector<std::string> seen;
  for (const auto& row : rows) {
    EXPECT_EQ(row["schema"], "lemma.bench/1");
    EXPECT_EQ(row["model"], "SmolLM2-135M-Instruct.Q4_1.gguf");
    EXPECT_EQ(row["samples"].size(), 2u);
    EXPECT_NEAR(row["tps"].get<double>(), (row["samples"][0].get<double>() + row["samples"][1].get<double>()) / 2,
                1e-6);
    EXPECT_GT(row["tps"], 0.0);
    EXPECT_EQ(row["threads"], row["kind"] == "prompt" ? 2 : 1);
    seen.push_back(row["kind"].get<std::string>().append(row["tokens"].dump()).append("@").append(row["depth"].dump()));
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"prompt32@0", "generate4@0", "generate8@0", "prompt32@64", "generate4@64",
                                            "generate8@64"}));
}

TEST(Bench, severalModelsWithoutTokenizer) {
  const std::string goldens = goldensFolder();
  LEMMA_NEEDS(goldens, "the golden data");
  const std::string a = goldens + "/models/llama31/model-f32.gguf", b = goldens + "/models/llama31/model-f16.gguf";
  const Ran ran = runCli({"bench", "--json", "-m", a, "-m", b, "-p", "16", "-n", "0", "-r", "1"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto rows = parsed(ran.out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1]["model"], "model-f16.gguf");
}

TEST(Bench, wrongInput) {
  const std::vector<std::string> kWrong[] = {{"-p", "-1"}, {"-d", "0,,1"},  {"-r", "0"},
                                             {"-n", "x"},  {"-d", "1e9"},   {"-m", temporaryPath("missing")},
                                             {"-p", ""},   {"-t", "100000"}};
  for (const auto& wrong : kWrong) {
    std::vector<std::string> arguments{"bench"};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    const Ran ran = runCli(arguments);
    EXPECT_EQ(ran.code, 2) << testing::PrintToString(arguments) << ran.err;
    EXPECT_EQ(ran.out, "");
  }
}

std::string englishText() {
  std::string text;
  for (int i = 0; text.size() < 6000; ++i) {
    text +=
        "Chapter " + std::to_string(i) +
        ". The ship left the harbour in the morning, and the wind was fair. Nobody on board had slept well, but the "
        "coffee was hot and the captain told the old story of the lighthouse again.\n";
  }
  return text;
}

// The figure is exp(mean negative log likelihood) of rows that `logits` gives for the same window.
TEST(Perplexity, agreesWithLogitsOfTheWindow) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const std::string text = englishText(), path = temporaryFile("text.txt", text);
  const Ran ran = runCli({"perplexity", "--json", "--text", path, "--windows", "1"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto d = parsed(ran.out);
  EXPECT_EQ(d["schema"], "lemma.perplexity/1");
  EXPECT_EQ(d["windows"], 1);
  EXPECT_EQ(d["tokens"], 255);

  auto ids = parsed(runCli({"tokenize"}, {.input = text}).out);  // this model wants no bos
  ASSERT_GT(ids.size(), 512u);
  ids.erase(ids.begin() + 512, ids.end());
  const std::string out = temporaryPath("window.npy");
  ASSERT_EQ(
      runCli({"logits", "--tokens", std::string("@").append(temporaryFile("window.json", ids.dump())), "--out", out})
          .code,
      0);
  const Npy logits = readNpy(out);
  ASSERT_EQ(logits.shape.size(), 2u);
  const auto vocabulary = size_t(logits.shape[1]);
  double sum = 0;
  for (size_t i = 256; i < 511; ++i) {
    const float* row = &logits.data[i * vocabulary];
    double total = 0;
    for (size_t j = 0; j < vocabulary; ++j) total += std::exp(double(row[j]));
    sum += std::log(total) - double(row[ids[i + 1].get<size_t>()]);
  }
  EXPECT_NEAR(d["perplexity"].get<double>(), std::exp(sum / 255), 1e-3);
}

TEST(Perplexity, againstItselfAndAgainstAnotherFormat) {
  const std::string goldens = goldensFolder();
  LEMMA_NEEDS(goldens, "the golden data");
  const std::string folder = goldens + "/models/llama31", path = temporaryFile("text.txt", englishText());
  const auto run = [&](const std::string& against) {
    const Ran ran = runCli({"perplexity", "--json", "--device", "reference", "--windows", "1", "-m",
                            folder + "/model-f32.gguf", "--text", path, "--against", against});
    EXPECT_EQ(ran.code, 0) << ran.err;
    return parsed(ran.out);
  };
  const auto same = run(folder + "/model-f32.gguf")["against"];
  EXPECT_EQ(same["kl"]["max"], 0.0);
  EXPECT_EQ(same["same_top"], 1.0);
  const auto other = run(folder + "/model-f16.gguf")["against"];
  EXPECT_GT(other["kl"]["mean"], 0.0);
  EXPECT_LT(other["kl"]["mean"], 1e-3);
  EXPECT_LE(other["kl"]["median"], other["kl"]["p99"]);
}

// The dial from quality to memory: what a smaller cache costs, measured against the same model with a larger one.
TEST(Perplexity, againstAnotherCache) {
  const std::string goldens = goldensFolder();
  LEMMA_NEEDS(goldens, "the golden data");
  const std::string path = temporaryFile("text.txt", englishText());
  const auto run = [&](const std::string& kv) {
    const Ran ran =
        runCli({"perplexity", "--json", "--device", "reference", "--windows", "1", "-m",
                goldens + "/models/deepseek_v3/model-f32.gguf", "--text", path, "--kv", kv, "--against-kv", "f32"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    return parsed(ran.out);
  };
  const auto same = run("f32"), half = run("f16"), eight = run("fp8");
  EXPECT_EQ(same["against"]["kl"]["max"], 0.0);
  EXPECT_EQ(same["against"]["kv"]["type"], "f32");
  const auto loss = [](const auto& d) { return d["against"]["kl"]["mean"].template get<double>(); };
  EXPECT_GT(loss(half), 0.0);
  EXPECT_GT(loss(eight), loss(half));
  const double room = half["kv"]["bytes_per_token"];
  EXPECT_EQ(same["kv"]["bytes_per_token"].get<double>(), 2 * room);
  EXPECT_EQ(eight["kv"]["bytes_per_token"].get<double>(), room / 2);
}

TEST(Perplexity, wrongInput) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const std::string goldens = goldensFolder();
  const std::string text = temporaryFile("text.txt", englishText());
  std::vector<std::vector<std::string>> wrongs = {{"--text", temporaryFile("short.txt", "Too short.")},
                                                  {"--text", temporaryPath("missing")},
                                                  {},
                                                  {"--text", text, "--against", temporaryPath("missing")}};
  if (!goldens.empty()) wrongs.push_back({"--text", text, "--against", goldens + "/models/llama31/model-f32.gguf"});
  for (const auto& wrong : wrongs) {
    std::vector<std::string> arguments{"perplexity"};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    const Ran ran = runCli(arguments);
    EXPECT_EQ(ran.code, 2) << testing::PrintToString(arguments) << ran.err;
    EXPECT_EQ(ran.out, "");
  }
}

}  // namespace
}  // namespace lemma::cli
