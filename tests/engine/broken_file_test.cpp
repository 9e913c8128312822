// A model's file that is cut off while the model answers: one sentence in the chat, never a signal, and another model
// can be loaded.
#include <unistd.h>

#include "tests/speculate/answers.h"
#include "tests/support/backend_names.h"

namespace lemma::test {
namespace {

class BrokenFile : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { ASSERT_TRUE(writeTinyModel(file_.path(), {.context = 1024})); }
  void load(Engine& engine) {
    const auto info = engine.load({.path = file_.path(), .threads = 2, .backend = GetParam()});
    ASSERT_TRUE(info) << info.error().what;
  }
  void cut() { ASSERT_EQ(::truncate(file_.path().c_str(), 4096), 0); }
  static void expectSentence(const Heard& heard, const std::string& path) {
    EXPECT_FALSE(heard.finished);
    EXPECT_EQ(heard.error, path +
                               " has become shorter, or cannot be read any more, while its model was in use; load the "
                               "model again");
  }
  TemporaryFile file_;
};

TEST_P(BrokenFile, nextAnswersAreOneSentenceUntilAModelIsLoaded) {
  Engine engine;
  load(engine);
  const ChatRequest request = question("Hello", 0, 1);
  const Heard before = run(engine, request);
  ASSERT_TRUE(before.finished) << before.error;
  cut();
  expectSentence(run(engine, request), file_.path());
  expectSentence(run(engine, request), file_.path());
  ASSERT_TRUE(writeTinyModel(file_.path(), {.context = 1024}));
  load(engine);
  EXPECT_EQ(run(engine, request).events, before.events);
}

TEST_P(BrokenFile, inTheMiddleOfAnAnswer) {
  Engine engine;
  load(engine);
  Heard heard;
  ChatRequest request = question("Hello", 0, 1);
  request.sampling.logitBias = {{Token{257}, -1000.0f}};  // it does not end by itself
  engine.start(request, [&](const StreamEvent& e) { heard.take(e); });
  for (int i = 0; i < 5; ++i) engine.step();
  ASSERT_FALSE(heard.finished);
  cut();
  while (engine.step()) {
  }
  expectSentence(heard, file_.path());
}

TEST_P(BrokenFile, whoseNameIsGoneGoesOn) {
  Engine engine;
  load(engine);
  const ChatRequest request = question("Hello", 0, 1);
  const Heard before = run(engine, request);
  ASSERT_EQ(::unlink(file_.path().c_str()), 0);
  EXPECT_EQ(run(engine, request).events, before.events);
}

TEST_P(BrokenFile, cutBeforeItIsLoadedIsRefused) {
  cut();
  Engine engine;
  const auto info = engine.load({.path = file_.path(), .threads = 2, .backend = GetParam()});
  ASSERT_FALSE(info);
  EXPECT_NE(info.error().what.find(file_.path()), std::string::npos) << info.error().what;
}

INSTANTIATE_TEST_SUITE_P(All, BrokenFile, testing::ValuesIn(backendNames()), [](const auto& i) { return i.param; });

}  // namespace
}  // namespace lemma::test
