// A Hugging Face folder beside a GGUF file of the same weights: it reads, speaks and ends as that does. Greedy answers
// of both on the reference backend (class: reference, tokens equal).
#include <gtest/gtest.h>

#include "engine/api/engine.h"
#include "engine/model.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_folder.h"

namespace lemma {
namespace {

using test::TinyFolder;

class FolderTest : public testing::Test {
 protected:
  std::filesystem::path temporary(const std::string& name) { return folder_ / name; }
  std::string written(const TinyFolder& folder) {
    const auto path = temporary("folder");
    EXPECT_TRUE(folder.write(path));
    return path.string();
  }
  static void load(Engine& engine, const std::string& path) {
    const auto info = engine.load({.path = path, .backend = "reference"});
    ASSERT_TRUE(info) << info.error().what;
  }
  struct Said {
    std::string think, answer, error;
    std::optional<Finished> finished;
  };
  static Said ask(Engine& engine, ChatRequest request) {
    Said said;
    request.sampling.temperature = 0;
    if (request.maxAnswerTokens == 0) request.maxAnswerTokens = 40;
    engine.start(std::move(request), [&](const StreamEvent& e) {
      if (const auto* d = std::get_if<PartDelta>(&e))
        (d->kind == PartKind::think ? said.think : said.answer) += d->text;
      if (const auto* f = std::get_if<Failed>(&e)) said.error = f->error.what;
      if (const auto* f = std::get_if<Finished>(&e)) said.finished = *f;
    });
    while (engine.step()) {
    }
    return said;
  }
  static ChatRequest question(const std::string& text) {
    ChatRequest r;
    r.turns = {{"user", text}};
    r.think = {.kind = ThinkBudget::Kind::off};
    return r;
  }
  // The tokenizer and the template of a folder, without its weights.
  std::unique_ptr<Model> opened(const TinyFolder& folder) {
    auto model = Model::load({.path = written(folder), .vocabularyOnly = true});
    EXPECT_TRUE(model) << model.error().what;
    return model ? std::move(*model) : nullptr;
  }

 private:
  const test::TemporaryFolder folder_;
};

TEST_F(FolderTest, answersAsTheGgufFileOfItsWeights) {
  for (const bool thinks : {false, true}) {
    const auto file = temporary("model.gguf");
    ASSERT_TRUE(writeTinyModel(file.string(), {.thinks = thinks}));
    Engine gguf, folder;
    load(gguf, file.string());
    load(folder, written(TinyFolder({.thinks = thinks})));
    EXPECT_EQ(folder.model()->info().thinksByItself, thinks);
    for (const char* text : {"Hello", "What is 12 x 345?\n\u00fc \U0001f600<|im_end|>"}) {
      ChatRequest request = question(text);
      if (thinks) request.think = {.kind = ThinkBudget::Kind::tokens, .tokens = 12};
      EXPECT_EQ(*folder.countTokens(request), *gguf.countTokens(request));
      const Said a = ask(gguf, request), b = ask(folder, request);
      ASSERT_TRUE(a.finished) << a.error;
      ASSERT_TRUE(b.finished) << b.error;
      EXPECT_FALSE(a.answer.empty());
      EXPECT_EQ(b.think, a.think);
      EXPECT_EQ(b.answer, a.answer);
      EXPECT_EQ(b.finished->promptTokens, a.finished->promptTokens);
    }
  }
}

TEST_F(FolderTest, withoutATokenizerItComputesAndSaysWhyItCannotChat) {
  TinyFolder folder;
  folder.json.erase("tokenizer.json");
  Engine engine;
  load(engine, written(folder));
  EXPECT_EQ(engine.model()->tokenizer(), nullptr);
  const Said said = ask(engine, question("Hello"));
  EXPECT_NE(said.error.find("holds no tokenizer.json"), std::string::npos) << said.error;
}

TEST_F(FolderTest, aBrokenTokenizerIsRefusedByName) {
  TinyFolder folder;
  folder.json["tokenizer.json"]["model"].erase("vocab");
  const auto model = Model::load({.path = written(folder), .vocabularyOnly = true});
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().what.find("tokenizer.json"), std::string::npos) << model.error().what;
}

TEST_F(FolderTest, everyEndThatItNames) {
  TinyFolder folder;
  folder.json["generation_config.json"] = {{"eos_token_id", {65, 66}}};
  folder.json["config.json"]["eos_token_id"] = 67;
  auto model = opened(folder);
  ASSERT_TRUE(model);
  for (const int id : {65, 66, 257}) EXPECT_TRUE(model->tokenizer()->isEndOfGeneration(Token(id))) << id;
  EXPECT_FALSE(model->tokenizer()->isEndOfGeneration(Token(67))) << "the newer file speaks";

  folder.json["generation_config.json"] = {{"temperature", 0.5}};
  folder.json["config.json"]["eos_token_id"] = {67, 99999};
  model = opened(folder);
  ASSERT_TRUE(model);
  EXPECT_TRUE(model->tokenizer()->isEndOfGeneration(Token(67)));
  EXPECT_FALSE(model->tokenizer()->isEndOfGeneration(Token(65)));
}

TEST_F(FolderTest, namedTokensAsTextsAndAsObjects) {
  TinyFolder folder;
  folder.json["tokenizer_config.json"].erase("bos_token");
  folder.json["special_tokens_map.json"] = {
      {"bos_token", {{"content", "<|im_start|>"}}}, {"eos_token", "!"}, {"pad_token", "<|im_end|>"}};
  folder.json["tokenizer_config.json"]["add_bos_token"] = true;
  const auto model = opened(folder);
  ASSERT_TRUE(model);
  const Tokenizer& t = *model->tokenizer();
  EXPECT_EQ(t.bos(), Token(256));
  EXPECT_EQ(t.eos(), Token(257)) << "the newer file speaks";
  EXPECT_EQ(t.pad(), Token(257));
  EXPECT_TRUE(t.addBos());
}

TEST_F(FolderTest, templatesInEveryForm) {
  const std::string wanted = "{{ messages[0]['content'] }}";
  const auto templateOf = [&](const auto& change) {
    TinyFolder folder;
    change(folder);
    const auto model = opened(folder);
    return model ? model->chatTemplateSource() : "";
  };
  using nlohmann::json;
  EXPECT_EQ(templateOf([&](auto& f) { f.json["tokenizer_config.json"]["chat_template"] = wanted; }), wanted);
  EXPECT_EQ(templateOf([&](auto& f) {
              f.json["tokenizer_config.json"]["chat_template"] = {{{"name", "tool_use"}, {"template", "no"}},
                                                                  {{"name", "default"}, {"template", wanted}}};
            }),
            wanted);
  EXPECT_EQ(
      templateOf([&](auto& f) {
        f.json["tokenizer_config.json"]["chat_template"] = json::array({{{"name", "only"}, {"template", wanted}}});
      }),
      wanted);
  EXPECT_EQ(templateOf([&](auto& f) { f.text["chat_template.jinja"] = wanted; }), wanted);
  EXPECT_EQ(templateOf([&](auto& f) {
              f.json["tokenizer_config.json"].erase("chat_template");
              f.json["chat_template.json"] = {{"chat_template", wanted}};
            }),
            wanted);
  EXPECT_EQ(templateOf([&](auto& f) { f.json["tokenizer_config.json"]["chat_template"] = 7; }), "");
}

// Gemma's text models list a token of pictures for which they have no embedding.
TEST_F(FolderTest, addedTokensWithoutAnEmbeddingAreLeftOut) {
  TinyFolder folder;
  folder.json["tokenizer.json"]["added_tokens"].push_back({{"id", 258}, {"content", "<picture>"}, {"special", true}});
  Engine engine;
  load(engine, written(folder));
  EXPECT_EQ(engine.model()->tokenizer()->size(), 258);
  EXPECT_EQ(engine.model()->tokenizer()->find("<picture>"), std::nullopt);
}

}  // namespace
}  // namespace lemma
