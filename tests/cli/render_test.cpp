#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/cli/run_program.h"

namespace lemma::cli {
namespace {

// Every rendered golden, through the program: exact text, or a refusal with exit code 1 and one sentence.
TEST(Render, goldens) {
  const std::string goldens = goldensFolder();
  LEMMA_NEEDS(goldens, "the golden data");
  std::istringstream lines(slurp(goldens + "/templates/rendered.jsonl"));
  int cases = 0;
  for (std::string line; std::getline(lines, line); ++cases) {
    const auto c = parsed(line);
    const std::string input = temporaryFile("render.json", c["input"].dump());
    const Ran ran = runCli({"render", "--template", goldens + "/templates/" + c["template"].get<std::string>(),
                            "--input", input, "--now", "2026-10-01 12:34:56"});
    if (c.contains("expected")) {
      EXPECT_EQ(ran.code, 0) << c["id"] << ": " << ran.err;
      EXPECT_EQ(ran.out, c["expected"].get<std::string>()) << c["id"];
    } else {
      EXPECT_EQ(ran.code, 1) << c["id"] << ": " << ran.out;
      EXPECT_EQ(ran.out, "") << c["id"];
      EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
    }
  }
  EXPECT_GT(cases, 50);
}

TEST(Render, templateOfTheModel) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const std::string input = temporaryFile(
      "messages.json", R"({"messages": [{"role": "user", "content": "Hi"}], "add_generation_prompt": true})");
  const Ran ran = runCli({"render", "-m", smolModel(), "--input", input});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"), std::string::npos) << ran.out;
}

TEST(Render, wrongInput) {
  const std::string good = temporaryFile("good.jinja", "{{ x }}");
  const std::string object = temporaryFile("object.json", "{\"x\": 1}");
  const std::string missing = temporaryPath("missing");
  const struct {
    std::vector<std::string> arguments;
    int code;
  } kWrong[] = {
      {{"--input", object, "--template", missing}, 2},
      {{"--input", missing, "--template", good}, 2},
      {{"--input", temporaryFile("list.json", "[1]"), "--template", good}, 2},
      {{"--input", temporaryFile("cut.json", "{\"x\": "), "--template", good}, 2},
      {{"--input", temporaryFile("deep.json", std::string(100000, '[')), "--template", good}, 2},
      {{"--input", object, "--template", temporaryFile("broken.jinja", "{% if %}")}, 2},
      {{"--input", object, "--template", good, "--now", "yesterday"}, 2},
      {{"--input", object, "--template", good, "--now", "2026-02-30 00:00:00"}, 2},
      {{"--input", object, "--template", good, "-m", missing}, 2},
      {{"--template", good}, 2},
      {{"--input", object, "--template", temporaryFile("raise.jinja", "{{ raise_exception('No.') }}")}, 1},
  };
  for (const auto& wrong : kWrong) {
    std::vector<std::string> arguments{"render"};
    arguments.insert(arguments.end(), wrong.arguments.begin(), wrong.arguments.end());
    const Ran ran = runCli(arguments);
    EXPECT_EQ(ran.code, wrong.code) << testing::PrintToString(arguments) << ran.err;
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
  }
}

}  // namespace
}  // namespace lemma::cli
