// A Hugging Face folder as -m MODEL: every command that reads or writes text does with it what it does with a GGUF file
// of the same weights. Class of the answers: reference, texts equal.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli/run_program.h"
#include "tests/support/tiny_folder.h"

namespace lemma::cli {
namespace {

using test::TinyFolder;

std::string folderOf(const TinyFolder& folder, const std::string& name) {
  const std::string path = temporaryPath(name);
  EXPECT_TRUE(folder.write(path));
  return path;
}
std::string fileOf(const TinyModelOptions& options) {
  const std::string path = temporaryPath("tiny.gguf");
  EXPECT_TRUE(writeTinyModel(path, options));
  return path;
}

TEST(Folder, commandsDoAsWithAGgufFile) {
  const std::string folder = folderOf(TinyFolder(), "tiny-folder"), file = fileOf({});
  const std::string messages =
      temporaryFile("hi.json", R"({"messages": [{"role": "user", "content": "Hi"}], "add_generation_prompt": true})");
  const std::string text = "Hello 12\n\u00fc\U0001f600<|im_end|>";
  const std::vector<std::string> reference{"--device", "reference", "--kv", "f32", "--greedy"};
  const struct {
    std::vector<std::string> arguments;
    std::string input;
    bool asks = false;
  } kCommands[] = {{{"tokenize"}, text},
                   {{"tokenize", "--special", "--bos"}, text},
                   {{"detokenize"}, "[72, 101, 257, 195, 188]"},
                   {{"render", "--input", messages}, ""},
                   {{"ask", "--think", "off", "--max-tokens", "20", "Hello"}, "", true},
                   {{"ask", "--think", "16", "--max-tokens", "20", "Hello"}, "", true},
                   {{"ask", "--raw", "--max-tokens", "20", "Once"}, "", true},
                   {{"chat", "--think", "off", "--max-tokens", "20"}, "Hello\nAnd then?\n", true}};
  for (const auto& c : kCommands) {
    const auto run = [&](const std::string& model) {
      std::vector<std::string> arguments = c.arguments;
      arguments.insert(arguments.begin() + 1, {"-m", model});
      if (c.asks) arguments.insert(arguments.begin() + 1, reference.begin(), reference.end());
      const Ran ran = runCli(arguments, {.input = c.input});
      EXPECT_EQ(ran.code, 0) << testing::PrintToString(arguments) << ran.err;
      return ran.out;
    };
    const std::string want = run(file);
    EXPECT_NE(want, "") << testing::PrintToString(c.arguments);
    EXPECT_EQ(run(folder), want) << testing::PrintToString(c.arguments);
  }
}

TEST(Folder, isWrittenToAGgufFileThatAnswersAlike) {
  const std::string folder = folderOf(TinyFolder(), "tiny-folder"), out = temporaryPath("of-folder.gguf");
  const Ran written = runCli({"quantize", folder, out, "--type", "F16", "--tensor-type", "*=F32"});
  ASSERT_EQ(written.code, 0) << written.err;
  const auto run = [&](const std::string& model) {
    return runCli(
        {"ask", "-m", model, "--device", "reference", "--greedy", "--think", "off", "--max-tokens", "20", "Hi"});
  };
  const Ran of = run(folder), now = run(out);
  ASSERT_EQ(now.code, 0) << now.err;
  EXPECT_NE(now.out, "");
  EXPECT_EQ(now.out, of.out);
}

TEST(Folder, inspectTellsOfItsTokenizer) {
  const std::string folder = folderOf(TinyFolder(), "tiny-folder");
  const auto d = parsed(runCli({"inspect", "-m", folder, "--json"}).out);
  EXPECT_EQ(d["tokenizer"]["tokens"], 258);
  EXPECT_EQ(d["tokenizer"]["eos"], 257);
  EXPECT_EQ(d["tokenizer"]["add_bos"], false);
  EXPECT_NE(runCli({"inspect", "-m", folder}).out.find("258 tokens"), std::string::npos);
}

TEST(Folder, withoutATokenizerOneSentenceSaysSo) {
  TinyFolder bare;
  bare.json.erase("tokenizer.json");
  const std::string folder = folderOf(bare, "bare-folder");
  for (const auto& arguments : {std::vector<std::string>{"ask", "-m", folder, "Hello"}, {"tokenize", "-m", folder}}) {
    const Ran ran = runCli(arguments);
    EXPECT_EQ(ran.code, 2) << ran.err;
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
    EXPECT_NE(ran.err.find("tokenizer.json"), std::string::npos) << ran.err;
  }
  const Ran logits = runCli({"logits", "-m", folder, "--tokens", "1,2", "--out", temporaryPath("bare.npy")});
  EXPECT_EQ(logits.code, 0) << logits.err;
}

TEST(ChatTemplate, thatCannotBeUsedIsReplacedAndSaid) {
  const std::vector<std::string> ask{"ask",          "--device", "reference", "--greedy", "--think", "off",
                                     "--max-tokens", "12",       "-m",        fileOf({}), "Hello?"};
  const std::string wanted = runCli(ask).out;
  fileOf({.chatTemplate = "{% for m in messages %}"});
  const Ran ran = runCli(ask);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, wanted);
  EXPECT_NE(ran.err.find("ChatML"), std::string::npos) << ran.err;
}

TEST(ChatTemplate, thatRefusesOffersTheBuiltInOne) {
  const std::string file = fileOf({.chatTemplate = "{% if messages[0]['role'] == 'system' %}"
                                                   "{{ raise_exception('No system role.') }}{% endif %}"
                                                   "{{ messages[0]['content'] }}"});
  std::vector<std::string> ask{"ask", "--think", "off", "--max-tokens", "8", "-m", file, "--system", "Be brief.", "Hi"};
  const Ran refused = runCli(ask);
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("No system role."), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("--template builtin"), std::string::npos) << refused.err;
  ask.insert(ask.begin() + 1, {"--template", "builtin"});
  const Ran built = runCli(ask);
  EXPECT_EQ(built.code, 0) << built.err;
}

}  // namespace
}  // namespace lemma::cli
