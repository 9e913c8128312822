#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>

#include "tests/cli/run_program.h"

namespace lemma::cli {
namespace {

using Json = nlohmann::ordered_json;

std::vector<Json> jsonLines(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(parsed(line));
  return lines;
}

// A vocabulary-only file from the golden data, unpacked; empty where it or xz is absent.
std::string vocabularyFile(const std::string& name) {
  const std::string packed = goldensFolder() + "/tokenizers/ggml-vocab-" + name + ".gguf.xz";
  const std::string path = temporaryPath("vocab-" + name + ".gguf");
  const std::string command = "xz -dc '" + packed + "' > '" + path + "' 2>/dev/null";
  return std::system(command.c_str()) == 0 ? path : "";
}

// Exactness: equal ids.
void expectReferenceIds(const std::string& model, const std::string& reference) {
  std::map<int, Json> expected;
  for (const Json& line : jsonLines(slurp(goldensFolder() + "/" + reference))) expected[line["id"].get<int>()] = line;
  std::vector<Json> cases;
  std::string input;
  for (const Json& line : jsonLines(slurp(goldensFolder() + "/tokenizers/strings.jsonl"))) {
    cases.push_back(line);
    input += Json{{"text", line["text"]}}.dump() + "\n";
  }
  for (const bool special : {true, false}) {
    std::vector<std::string> arguments{"tokenize", "-m", model, "--jsonl"};
    if (special) arguments.push_back("--special");
    const Ran ran = runCli(arguments, {.input = input});
    ASSERT_EQ(ran.code, 0) << ran.err;
    const auto got = jsonLines(ran.out);
    ASSERT_EQ(got.size(), cases.size());
    for (size_t i = 0; i < cases.size(); ++i) {
      const Json& want = expected.at(cases[i]["id"].get<int>());
      EXPECT_EQ(got[i], !special && want.contains("ids_no_special") ? want["ids_no_special"] : want["ids"])
          << model << ", special " << special << ": " << cases[i];
    }
  }
}

TEST(Tokenize, defaultModelAgreesWithItsReference) {
  LEMMA_NEEDS(goldensFolder(), "the golden data");
  LEMMA_NEEDS(smolModel(), "the default model");
  expectReferenceIds(smolModel(), "smollm2/ref-tokens.jsonl");
}

TEST(Tokenize, vocabularyOnlyFiles) {
  LEMMA_NEEDS(goldensFolder(), "the golden data");
  for (const std::string name : {"deepseek-r1", "llama-bpe", "llama-spm"}) {
    const std::string model = vocabularyFile(name);
    LEMMA_NEEDS(model, "xz");
    expectReferenceIds(model, "tokenizers/ref-" + name + ".jsonl");
  }
}

TEST(Tokenize, detokenizeAgreesWithItsReference) {
  LEMMA_NEEDS(goldensFolder(), "the golden data");
  const std::string model = vocabularyFile("deepseek-r1");
  LEMMA_NEEDS(model, "xz");
  std::map<int, std::string> texts;
  for (const Json& line : jsonLines(slurp(goldensFolder() + "/tokenizers/strings.jsonl"))) {
    texts[line["id"].get<int>()] = line["text"].get<std::string>();
  }
  std::string input;
  std::vector<std::string> expected;
  for (const Json& line : jsonLines(slurp(goldensFolder() + "/tokenizers/ref-deepseek-r1-decode.jsonl"))) {
    input += line["ids"].dump() + "\n";
    expected.push_back(line["decode"].is_null() ? texts.at(line["id"].get<int>()) : line["decode"].get<std::string>());
  }
  const Ran ran = runCli({"detokenize", "--jsonl", "-m", model}, {.input = input});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const auto got = jsonLines(ran.out);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i]["text"], expected[i]);
}

TEST(Tokenize, roundTripOfOneText) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const std::string text =
      "  Ein \xF0\x9F\xA6\x89 sagt:\r\n\t<|im_start|>hallo<|im_end|> 12345 \xE4\xBD\xA0\xE5\xA5\xBD\n";
  const Ran plain = runCli({"tokenize"}, {.input = text});
  ASSERT_EQ(plain.code, 0) << plain.err;
  EXPECT_EQ(runCli({"detokenize"}, {.input = plain.out}).out, text);
  const Ran special = runCli({"tokenize", "--special"}, {.input = text});
  EXPECT_EQ(runCli({"detokenize"}, {.input = special.out}).out, text);
  EXPECT_LT(parsed(special.out).size(), parsed(plain.out).size());
  const Ran bos = runCli({"tokenize", "--bos"}, {.input = text});
  EXPECT_EQ(parsed(bos.out)[0], 1);
  EXPECT_EQ(parsed(bos.out).size(), parsed(plain.out).size() + 1);
}

// Bytes that are no text go through, and JSON stays JSON.
TEST(Tokenize, bytesThatAreNotUtf8) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const std::string bytes("a\xFF\xC3(\x00z\xE2\x82", 8);
  const Ran ids = runCli({"tokenize"}, {.input = bytes});
  ASSERT_EQ(ids.code, 0) << ids.err;
  EXPECT_TRUE(parsed(ids.out).is_array());
  const Ran lines = runCli({"detokenize", "--jsonl"}, {.input = ids.out});
  ASSERT_EQ(lines.code, 0) << lines.err;
  EXPECT_TRUE(parsed(lines.out)["text"].is_string());
}

TEST(Tokenize, wrongInput) {
  LEMMA_NEEDS(smolModel(), "the default model");
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  const struct {
    std::vector<std::string> arguments;
    std::string input;
  } kWrong[] = {
      {{"detokenize"}, "{\"a\": 1}"},
      {{"detokenize"}, "[1, 2"},
      {{"detokenize"}, "[1, -1]"},
      {{"detokenize"}, "[49152]"},
      {{"detokenize"}, "[18446744073709551615]"},
      {{"detokenize"}, "[99999999999999999999999]"},
      {{"detokenize"}, "[1.5]"},
      {{"detokenize"}, "[1e999]"},
      {{"detokenize"}, "[\"1\"]"},
      {{"detokenize"}, deep},
      {{"tokenize", "--jsonl"}, "{\"text\": 1}\n"},
      {{"tokenize", "--jsonl"}, "{\"text\": \"a\"}\nnonsense\n"},
      {{"tokenize", "--jsonl"}, "{\"text\": \"\xFF\"}\n"},
      {{"tokenize", "--jsonl"}, deep},
      {{"tokenize", "-m", temporaryPath("not-there.gguf")}, "a"},
  };
  for (const auto& wrong : kWrong) {
    const Ran ran = runCli(wrong.arguments, {.input = wrong.input});
    EXPECT_EQ(ran.code, 2) << wrong.input.substr(0, 50);
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
  }
}

}  // namespace
}  // namespace lemma::cli
