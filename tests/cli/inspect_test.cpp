#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli/run_program.h"

namespace lemma::cli {
namespace {

TEST(Program, helpAndVersion) {
  const Ran help = runCli({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_NE(help.out.find("inspect"), std::string::npos);
  EXPECT_EQ(help.err, "");
  const Ran version = runCli({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_EQ(version.out.rfind("lemma-cli ", 0), 0u) << version.out;
}

TEST(Program, wrongCommandLines) {
  const std::vector<std::vector<std::string>> kWrong = {
      {}, {"foo"}, {"--foo"}, {"inspect", "--foo"}, {"inspect", "extra"}, {"inspect", "-m"}, {"-m", "x", "inspect"}};
  for (const auto& arguments : kWrong) {
    const Ran ran = runCli(arguments);
    EXPECT_EQ(ran.code, 2) << testing::PrintToString(arguments);
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
  }
}

TEST(Program, resultsThatCannotBeWritten) {
  const std::string goldens = goldensFolder();
  LEMMA_NEEDS(goldens, "the golden data");
  const std::string command =
      std::string(LEMMA_CLI) + " inspect -m " + goldens + "/models/llama31/model-f32.gguf >/dev/full 2>/dev/null";
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 1);
}

TEST(Inspect, brokenFiles) {
  const std::string goldens = goldensFolder();
  LEMMA_NEEDS(goldens, "the golden data");
  const std::string whole = slurp(goldens + "/models/llama31/model-f32.gguf");
  std::string manyTensors = whole;
  manyTensors[15] = '\x7f';
  const struct {
    std::string name, path;
  } kBroken[] = {
      {"missing", temporaryPath("not-there.gguf")},
      {"a folder", testing::TempDir()},
      {"empty", temporaryFile("empty.gguf", "")},
      {"foreign", temporaryFile("foreign.gguf", "{\"not\": \"a model\"}")},
      {"cut in the header", temporaryFile("header.gguf", whole.substr(0, 1000))},
      {"cut in the weights", temporaryFile("weights.gguf", whole.substr(0, whole.size() - 100))},
      {"2^63 tensors", temporaryFile("tensors.gguf", manyTensors)},
  };
  for (const auto& broken : kBroken) {
    const Ran ran = runCli({"inspect", "--json", "-m", broken.path});
    EXPECT_EQ(ran.code, 2) << broken.name;
    EXPECT_EQ(ran.out, "") << broken.name;
    EXPECT_EQ(ran.err.rfind("lemma-cli: ", 0), 0u) << broken.name << ": " << ran.err;
    EXPECT_NE(ran.err.find(broken.path), std::string::npos) << broken.name << ": " << ran.err;
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
  }
}

TEST(Inspect, json) {
  const std::string goldens = goldensFolder();
  LEMMA_NEEDS(goldens, "the golden data");
  const Ran ran = runCli({"inspect", "--json", "-m", goldens + "/models/llama31/model-f32.gguf"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto d = parsed(ran.out);
  EXPECT_EQ(d["schema"], "lemma.inspect/1");
  EXPECT_EQ(d["architecture"], "llama");
  EXPECT_EQ(d["parameters"]["active"], d["parameters"]["all"]);
  EXPECT_EQ(d["tokenizer"]["tokens"], 512);
  EXPECT_EQ(d["metadata"]["tokenizer.ggml.tokens"]["count"], 512);
  EXPECT_TRUE(d["template"].is_string());
  uint64_t elements = 0;
  for (const auto& tensor : d["tensors"]) {
    uint64_t n = 1;
    for (const auto& side : tensor["shape"]) n *= side.get<uint64_t>();
    elements += n;
    EXPECT_EQ(tensor["type"], "F32");
    EXPECT_EQ(tensor["bytes"], n * 4) << tensor["name"];
  }
  EXPECT_EQ(d["parameters"]["all"], elements);
}

TEST(Inspect, saysThatALayerDrafts) {
  const std::string goldens = goldensFolder();
  LEMMA_NEEDS(goldens, "the golden data");
  const std::string drafts = goldens + "/models/deepseek_r1_fp8";
  EXPECT_EQ(parsed(runCli({"inspect", "--json", "-m", drafts}).out)["draft_layers"], 1);
  EXPECT_NE(runCli({"inspect", "-m", drafts}).out.find("\ndraft layers  1\n"), std::string::npos);
  const std::string none = goldens + "/models/llama31/model-f32.gguf";
  EXPECT_TRUE(parsed(runCli({"inspect", "--json", "-m", none}).out)["draft_layers"].is_null());
}

// Formats and architectures that this build cannot compute are shown all the same.
TEST(Inspect, foreignArchitectureAndFormat) {
  const std::string goldens = goldensFolder();
  LEMMA_NEEDS(goldens, "the golden data");
  auto d = parsed(runCli({"inspect", "--json", "-m", goldens + "/models/llama_kquant/model-q3_k_m.gguf"}).out);
  EXPECT_TRUE(d["types"].contains("Q3_K")) << d["types"];
  d = parsed(runCli({"inspect", "--json", "-m", goldens + "/models/qwen3moe/model-f32.gguf"}).out);
  EXPECT_EQ(d["architecture"], "qwen3moe");
  // 3 of 12 experts work on a token.
  uint64_t routed = 0;
  for (const auto& tensor : d["tensors"]) {
    if (tensor["name"].get<std::string>().find("_exps.") != std::string::npos)
      routed += tensor["bytes"].get<uint64_t>() / 4;
  }
  ASSERT_GT(routed, 0u);
  EXPECT_EQ(d["parameters"]["active"].get<uint64_t>(), d["parameters"]["all"].get<uint64_t>() - routed * 9 / 12);
}

TEST(Inspect, defaultModelForPeople) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const Ran ran = runCli({"inspect"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  for (const char* expected : {"apache-2.0", "135 M", "token_embd.weight  Q8_0  [576,49152]", "smollm"}) {
    EXPECT_NE(ran.out.find(expected), std::string::npos) << expected;
  }
}

}  // namespace
}  // namespace lemma::cli
