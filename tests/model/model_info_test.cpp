// What a file says of itself, whatever its architecture; thoughts by the published chat templates.
#include "tests/model/run_model.h"
#include "tests/model/tiny_model.h"
#include "tests/support/goldens.h"

namespace lemma::test {
namespace {

ModelInfo infoOf(const TinyModel& tiny) {
  TemporaryFile file;
  EXPECT_TRUE(tiny.writer().write(file.path()));
  const auto model = Model::load({.path = file.path(), .vocabularyOnly = true});
  if (!model) throw std::runtime_error(model.error().what);
  return (*model)->info();
}

TEST(ModelInfo, isReadBelowTheArchitecturesOwnName) {
  for (const char* architecture :
       {"llama", "qwen2", "qwen3", "phi3", "gemma3", "qwen2moe", "qwen3moe", "glm4moe", "gpt-oss"}) {
    SCOPED_TRACE(architecture);
    const ModelInfo info = infoOf(TinyModel(architecture));
    EXPECT_EQ(info.architecture, architecture);
    EXPECT_EQ(info.layers, TinyModel::kLayers);
    EXPECT_EQ(info.embedding, TinyModel::kEmbedding);
    EXPECT_EQ(info.contextTrained, 256);
    EXPECT_EQ(info.vocabulary, TinyModel::kVocabulary);
    EXPECT_FALSE(info.thinksByItself);
  }
}

TEST(ModelInfo, templatesThatSpeakOfThoughts) {
  const auto folder = goldens() / "templates";
  LEMMA_NEED_GOLDENS(folder);
  const std::pair<const char*, bool> kTemplates[] = {{"deepseek-r1-distill-qwen", true},
                                                     {"deepseek-r1-distill-llama", true},
                                                     {"deepseek-r1", true},
                                                     {"qwen3", true},
                                                     {"smollm3", true},
                                                     {"qwen2.5", false},
                                                     {"llama-3.1", false},
                                                     {"smollm2", false}};
  for (const auto& [name, thinks] : kTemplates) {
    SCOPED_TRACE(name);
    TinyModel tiny("qwen2");
    tiny.text["tokenizer.chat_template"] = readText(folder / (std::string(name) + ".jinja"));
    EXPECT_EQ(infoOf(tiny).thinksByItself, thinks);
  }
}

}  // namespace
}  // namespace lemma::test
