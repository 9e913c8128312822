// tokenizer.json against the `tokenizers` library (class: bitwise, every id equal): DeepSeek R1's own, those of the
// tiny models.
#include <gtest/gtest.h>

#include "engine/tokenizer/tokenizer.h"
#include "tests/support/goldens.h"
#include "tests/tokenizer/reference.h"

namespace lemma {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::unique_ptr<Tokenizer> open(const TokenizerFiles& files) {
  auto made = Tokenizer::fromJson(files);
  EXPECT_TRUE(made) << made.error().what;
  return made ? std::move(*made) : nullptr;
}

class DeepSeekR1Json : public testing::Test {
 protected:
  void SetUp() override {
    const fs::path file = test::tokenizerGoldens() / "deepseek-r1.tokenizer.json.xz";
    LEMMA_NEED_GOLDENS(file);
    const auto bytes = test::unpacked(file);
    if (bytes.empty()) GTEST_SKIP() << "xz is not installed";
    const std::string config = test::readText(test::tokenizerGoldens() / "deepseek-r1.tokenizer_config.json");
    tokenizer_ = open({.tokenizer = {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, .config = config});
    ASSERT_TRUE(tokenizer_);
  }
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_F(DeepSeekR1Json, strings) {
  test::expectReference(*tokenizer_, test::tokenizerGoldens() / "ref-deepseek-r1.jsonl");
}

TEST_F(DeepSeekR1Json, decoding) {
  const auto text = test::strings();
  for (const json& line : test::lines(test::tokenizerGoldens() / "ref-deepseek-r1-decode.jsonl")) {
    const std::string expected = line["decode"].is_null() ? text.at(line["id"]) : line["decode"].get<std::string>();
    EXPECT_EQ(tokenizer_->decode(test::tokens(line["ids"]), false), expected) << line["id"];
  }
}

TEST_F(DeepSeekR1Json, specialTokens) {
  EXPECT_EQ(tokenizer_->bos(), Token(0));
  EXPECT_EQ(tokenizer_->eos(), Token(1));
  EXPECT_TRUE(tokenizer_->addBos());
  EXPECT_FALSE(tokenizer_->addEos());
  EXPECT_TRUE(tokenizer_->isEndOfGeneration(Token(1)));
  EXPECT_TRUE(tokenizer_->isControl(*tokenizer_->find("<\uff5cUser\uff5c>")));
  EXPECT_FALSE(tokenizer_->isControl(*tokenizer_->find("<think>")));
}

class TinyModelFolder : public testing::TestWithParam<const char*> {};

TEST_P(TinyModelFolder, prompts) {
  const fs::path folder = test::goldens() / "models" / GetParam();
  LEMMA_NEED_GOLDENS(folder / "golden.json");
  const std::string file = test::readText(folder / "tokenizer.json"),
                    config = test::readText(folder / "tokenizer_config.json"),
                    generation = test::readText(folder / "generation_config.json");
  const auto t = open({file, config, generation});
  ASSERT_TRUE(t);
  int prompts = 0;
  const json golden = json::parse(test::readText(folder / "golden.json"));
  for (const auto& [name, prompt] : golden["prompts"].items()) {
    if (!prompt.contains("text")) continue;
    std::vector<Token> ids = t->encode(prompt["text"].get<std::string>(), true);
    if (t->addBos()) ids.insert(ids.begin(), *t->bos());
    EXPECT_EQ(json(test::numbers(ids)), prompt["ids"]) << name;
    ++prompts;
  }
  EXPECT_GE(prompts, 2);
}

INSTANTIATE_TEST_SUITE_P(Goldens, TinyModelFolder, testing::Values("deepseek_v3", "llama31", "qwen2"),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::erase(name, '_');
                           return name;
                         });

}  // namespace
}  // namespace lemma
