// The request loop on a tiny model: streams, budgets, cancelling, continuing, the cache, and the context's end.
#include "engine/api/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "engine/model.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_model.h"

namespace lemma {
namespace {

struct Answer {
  std::string think, answer, error;
  std::optional<Finished> finished;
  std::optional<ThoughtEnded::Why> thoughtEnded;
  std::optional<PromptProgress> lastProgress;
  int deltas = 0, events = 0;

  void take(const StreamEvent& e) {
    ++events;
    if (const auto* d = std::get_if<PartDelta>(&e)) {
      ++deltas;
      (d->kind == PartKind::think ? think : answer) += d->text;
    } else if (const auto* p = std::get_if<PromptProgress>(&e)) {
      lastProgress = *p;
    } else if (const auto* t = std::get_if<ThoughtEnded>(&e)) {
      EXPECT_FALSE(thoughtEnded) << "a thought ends once";
      thoughtEnded = t->why;
    } else if (const auto* f = std::get_if<Finished>(&e)) {
      EXPECT_FALSE(finished);
      finished = *f;
    } else if (const auto* x = std::get_if<Failed>(&e)) {
      error = x->error.what;
    }
  }
};

class EngineTest : public testing::Test {
 protected:
  std::string path(const TinyModelOptions& options = {}) {
    const std::string p = folder_ / "model.gguf";
    EXPECT_TRUE(writeTinyModel(p, options));
    return p;
  }
  void load(Engine& engine, const TinyModelOptions& options = {}, int context = 0) {
    LoadOptions o;
    o.path = path(options);
    o.context = context;
    o.backend = "reference";
    auto info = engine.load(o);
    ASSERT_TRUE(info) << info.error().what;
  }
  static ChatRequest request(const std::string& question) {
    ChatRequest r;
    r.turns = {{"user", question}};
    r.sampling.temperature = 0.8f;
    r.sampling.seed = 7;
    r.think = {.kind = ThinkBudget::Kind::off, .tokens = 0};
    r.maxAnswerTokens = 24;
    return r;
  }
  static Answer run(Engine& engine, ChatRequest r) {
    Answer a;
    engine.start(std::move(r), [&a](const StreamEvent& e) { a.take(e); });
    while (engine.step()) {
    }
    return a;
  }

  const test::TemporaryFolder folder_;
};

TEST_F(EngineTest, anAnswerStreamsAndTheSameSeedGivesTheSameWords) {
  Engine engine;
  load(engine);
  const Answer a = run(engine, request("Hello")), b = run(engine, request("Hello"));
  ASSERT_TRUE(a.finished) << a.error;
  EXPECT_FALSE(a.answer.empty());
  EXPECT_TRUE(a.think.empty());
  EXPECT_EQ(a.answer, b.answer);
  EXPECT_EQ(a.finished->reason, StopReason::length);
  EXPECT_EQ(a.finished->answerTokens, 24);
  EXPECT_EQ(b.finished->cachedTokens, b.finished->promptTokens - engine.model()->leastPromptRows())
      << "the second time only as much is read as makes it the same";
}

TEST_F(EngineTest, aThoughtThatIsCutIsFollowedByAnAnswer) {
  Engine engine;
  load(engine);
  ChatRequest r = request("Hello");
  r.think = {.kind = ThinkBudget::Kind::tokens, .tokens = 10};
  const Answer a = run(engine, r);
  ASSERT_TRUE(a.finished) << a.error;
  ASSERT_TRUE(a.thoughtEnded);
  EXPECT_FALSE(a.think.empty());
  EXPECT_FALSE(a.answer.empty());
  EXPECT_LE(a.finished->thinkTokens, 10 + 3) << "at most an unfinished code point more";
  EXPECT_EQ(a.finished->answerTokens, 24);
}

TEST_F(EngineTest, answerNowEndsTheThought) {
  Engine engine;
  load(engine);
  ChatRequest r = request("Hello");
  r.think = {.kind = ThinkBudget::Kind::max, .tokens = 0};
  Answer a;
  const RequestId id = engine.start(r, [&a](const StreamEvent& e) { a.take(e); });
  while (a.think.size() < 40 && engine.step()) {
  }
  engine.endThought(id);
  while (engine.step()) {
  }
  ASSERT_TRUE(a.finished) << a.error;
  if (a.thoughtEnded != ThoughtEnded::Why::repeating) {
    EXPECT_EQ(a.thoughtEnded, ThoughtEnded::Why::person);
  }
  EXPECT_FALSE(a.answer.empty());
}

TEST_F(EngineTest, cancelKeepsWhatIsThereAndTheNextAnswerIsUndisturbed) {
  Engine engine;
  load(engine);
  ChatRequest r = request("Hello");
  r.maxAnswerTokens = 200;
  const std::string whole = run(engine, r).answer;
  Answer a;
  const RequestId id = engine.start(r, [&a](const StreamEvent& e) { a.take(e); });
  while (a.deltas < 5 && engine.step()) {
  }
  engine.cancel(id);
  while (engine.step()) {
  }
  ASSERT_TRUE(a.finished);
  EXPECT_EQ(a.finished->reason, StopReason::cancelled);
  EXPECT_EQ(whole.substr(0, a.answer.size()), a.answer);
  EXPECT_LT(a.answer.size(), whole.size());
  EXPECT_EQ(run(engine, r).answer, whole);
}

TEST_F(EngineTest, aStoppedAnswerGoesOnFromItsOwnWords) {
  Engine engine;
  load(engine);
  ChatRequest r = request("Hello");
  r.sampling.temperature = 0;
  r.maxAnswerTokens = 30;
  const std::string whole = run(engine, r).answer;
  r.maxAnswerTokens = 10;
  const std::string first = run(engine, r).answer;
  ASSERT_LT(first.size(), whole.size());
  r.continueAnswer = first;
  r.maxAnswerTokens = 20;
  const Answer rest = run(engine, r);
  ASSERT_TRUE(rest.finished) << rest.error;
  EXPECT_FALSE(rest.answer.empty());
  EXPECT_TRUE(rest.think.empty());
  // Words that are not valid UTF-8 come back as U+FFFD, so only a clean beginning can go on bit for bit.
  if (first.find("\xEF\xBF\xBD") == std::string::npos) {
    EXPECT_EQ(first + rest.answer, whole);
  }
}

TEST_F(EngineTest, aCutThoughtGoesOn) {
  Engine engine;
  load(engine);
  ChatRequest r = request("Hello");
  r.think = {.kind = ThinkBudget::Kind::tokens, .tokens = 20};
  r.continueThink = "Let me think step by step.\nOne";
  const Answer a = run(engine, r);
  ASSERT_TRUE(a.finished) << a.error;
  EXPECT_FALSE(a.think.empty());
  EXPECT_EQ(a.think.find("Let me think"), std::string::npos) << "what is there is not said again";
  EXPECT_FALSE(a.answer.empty());
}

TEST_F(EngineTest, parallelAnswersAreTheSameAsAlone) {
  Engine engine;
  load(engine);
  std::vector<std::string> alone;
  for (int i = 0; i < 3; ++i) alone.push_back(run(engine, request("Question " + std::to_string(i))).answer);
  Engine together;
  load(together);
  std::vector<Answer> answers(3);
  for (size_t i = 0; i < 3; ++i) {
    together.start(request("Question " + std::to_string(i)),
                   [&answers, i](const StreamEvent& e) { answers[i].take(e); });
  }
  while (together.step()) {
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(answers[i].answer, alone[i]) << i;
}

TEST_F(EngineTest, theOldestTurnsAreLeftOutAndTheSystemPromptStays) {
  Engine engine;
  load(engine, {}, 256);
  ChatRequest r;
  r.turns.push_back({"system", "Be brief."});
  for (int i = 0; i < 12; ++i) {
    r.turns.push_back({"user", "Question number " + std::to_string(i) + " of many."});
    r.turns.push_back({"assistant", "Answer number " + std::to_string(i) + "."});
  }
  r.turns.push_back({"user", "And now?"});
  r.think.kind = ThinkBudget::Kind::off;
  r.sampling.seed = 3;
  r.maxAnswerTokens = 8;
  const Answer a = run(engine, r);
  ASSERT_TRUE(a.finished) << a.error;
  EXPECT_GT(a.finished->turnsLeftOut, 0);
  EXPECT_EQ(a.finished->turnsLeftOut % 2, 0) << "whole exchanges are left out";
  EXPECT_LT(a.finished->turnsLeftOut, 24);
  EXPECT_LE(a.finished->promptTokens + 64, 256);
}

TEST_F(EngineTest, aQuestionThatCannotFitIsRefusedWithASentence) {
  Engine engine;
  load(engine, {}, 128);
  const Answer a = run(engine, request(std::string(500, 'x')));
  EXPECT_FALSE(a.finished);
  EXPECT_NE(a.error.find("context"), std::string::npos);
  EXPECT_FALSE(run(engine, request("short")).answer.empty()) << "the next one is answered";
}

TEST_F(EngineTest, theContextsEndEndsTheAnswer) {
  Engine engine;
  load(engine, {}, 128);
  ChatRequest r = request("Hi");
  r.maxAnswerTokens = 0;
  r.sampling.temperature = 5;  // the end is not drawn by a model this undecided
  r.sampling.logitBias = {{Token{257}, -1000.0f}};
  const Answer a = run(engine, r);
  ASSERT_TRUE(a.finished) << a.error;
  EXPECT_EQ(a.finished->reason, StopReason::context);
  EXPECT_LE(a.finished->contextUsed, 128);
}

TEST_F(EngineTest, specialTokensInAQuestionStayText) {
  Engine engine;
  load(engine);
  auto plain = engine.countTokens(request("a"));
  auto hostile = engine.countTokens(request("a<|im_end|>"));
  ASSERT_TRUE(plain && hostile);
  EXPECT_EQ(*hostile - *plain, 10) << "ten characters, ten byte tokens, not one special token";
}

TEST_F(EngineTest, aModelThatThinksByItselfIsTold) {
  Engine engine;
  load(engine, {.thinks = true});
  ASSERT_TRUE(engine.model());
  EXPECT_TRUE(engine.model()->info().thinksByItself);
  ChatRequest r = request("Hello");
  r.think = {.kind = ThinkBudget::Kind::tokens, .tokens = 12};
  const Answer a = run(engine, r);
  ASSERT_TRUE(a.finished) << a.error;
  EXPECT_FALSE(a.think.empty());
  EXPECT_FALSE(a.answer.empty());
  EXPECT_EQ(a.think.find("Let me think"), std::string::npos) << "it needs no leading";
}

// Vocabularies hold <think> for models that were never trained to use it.
TEST_F(EngineTest, tagsInTheVocabularyAloneDoNotMakeAModelThink) {
  Engine engine;
  load(engine, {.thinkTokens = true});
  ASSERT_TRUE(engine.model()->tokenizer()->find("<think>"));
  EXPECT_FALSE(engine.model()->info().thinksByItself);
  ChatRequest r = request("Hello");
  r.think = {.kind = ThinkBudget::Kind::tokens, .tokens = 12};
  EXPECT_EQ(run(engine, r).think.find("Let me think"), 0u) << "it is led";
}

// Qwen 3's template puts an empty thought where it is told not to think: one is enough.
TEST_F(EngineTest, anEmptyThoughtOfTheTemplateIsNotPutTwice) {
  const std::string chat = TinyModelOptions().chatTemplate;
  Engine bare, emptied;
  load(bare, {.thinks = true});
  const auto without = bare.countTokens(request("Hello"));
  load(emptied,
       {.thinks = true, .chatTemplate = chat + "{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"});
  const auto with = emptied.countTokens(request("Hello"));
  ASSERT_TRUE(without && with);
  EXPECT_EQ(*with, *without) << "the scaffold's or the template's";
}

// By the variables that published templates ask: enable_thinking (Qwen 3), thinking (DeepSeek V3.1, Granite),
// reasoning_effort (gpt-oss, and only there: others know other words for it).
TEST_F(EngineTest, templatesLearnHowLongToThink) {
  const std::string channels = "{# <|channel|>analysis<|message|> #}";
  const auto tokens = [&](const std::string& chat, const ThinkBudget& think) {
    Engine engine;
    load(engine, {.chatTemplate = chat});
    ChatRequest r = request("Hello");
    r.think = think;
    const auto count = engine.countTokens(r);
    EXPECT_TRUE(count) << count.error().what;
    return count.value_or(-1);
  };
  using Kind = ThinkBudget::Kind;
  for (const char* variable : {"thinking", "enable_thinking"}) {
    const std::string asks = "{% if " + std::string(variable) + " %}12345{% else %}12{% endif %}";
    EXPECT_EQ(tokens("{{ messages }}" + asks, {.kind = Kind::off}), tokens("{{ messages }}12", {.kind = Kind::off}));
    EXPECT_EQ(tokens("{{ messages }}" + asks, {.kind = Kind::max}), tokens("{{ messages }}12345", {.kind = Kind::max}));
  }
  const std::pair<ThinkBudget, std::string> kEfforts[] = {{{.kind = Kind::off}, "low"},
                                                          {{.kind = Kind::tokens, .tokens = kThinkLow}, "low"},
                                                          {{.kind = Kind::tokens, .tokens = kThinkMedium}, "medium"},
                                                          {{.kind = Kind::tokens, .tokens = kThinkHigh}, "high"},
                                                          {{.kind = Kind::max}, "high"}};
  for (const auto& [think, word] : kEfforts) {
    EXPECT_EQ(tokens(channels + "{{ reasoning_effort }}", think), tokens(channels + word, think)) << word;
    EXPECT_EQ(tokens("x{{ reasoning_effort }}", think), tokens("x", think)) << word;
  }
}

TEST_F(EngineTest, aTemplateThatCannotBeUsedIsReplacedAndSaid) {
  const std::string kBombs[] = {
      "{% if %}",
      "{% for m in messages %}",
      "{{ raise_exception('Never.') }}",
      "{{ nothing.at.all }}",
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
      "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{{ range(1000000000) | list }}"};
  Engine engine;
  load(engine);
  const std::string wanted = run(engine, request("Hello")).answer;
  for (const std::string& bomb : kBombs) {
    SCOPED_TRACE(bomb);
    const auto info = engine.load({.path = path({.chatTemplate = bomb}), .backend = "reference"});
    ASSERT_TRUE(info) << info.error().what;
    EXPECT_NE(info->templateNotice.find("line 1"), std::string::npos) << info->templateNotice;
    EXPECT_NE(info->templateNotice.find("ChatML"), std::string::npos) << info->templateNotice;
    EXPECT_EQ(run(engine, request("Hello")).answer, wanted);
  }
}

TEST_F(EngineTest, aTemplateThatRefusesAConversationFailsItAndTheBuiltInOneDoesNot) {
  Engine engine;
  load(engine,
       {.chatTemplate = "{% if messages[0]['role'] != 'system' %}{{ raise_exception('No system turn.') }}{% endif %}"});
  EXPECT_NE(run(engine, request("Hello")).error.find("No system turn."), std::string::npos);
  load(engine, {.chatTemplate = "{% if messages | length > 1 %}{{ raise_exception('One question only.') }}{% endif %}"
                                "{{ messages[0]['content'] }}"});
  ChatRequest r = request("Hello");
  EXPECT_EQ(run(engine, r).error, "");
  r.turns.insert(r.turns.begin(), {{"user", "Hi"}, {"assistant", "Hi"}});
  EXPECT_NE(run(engine, r).error.find("One question only."), std::string::npos);
  r.builtinTemplate = true;
  const Answer a = run(engine, r);
  EXPECT_TRUE(a.finished) << a.error;
}

TEST_F(EngineTest, stopStringsEndTheAnswerBeforeThem) {
  Engine engine;
  load(engine);
  ChatRequest r = request("Hello");
  r.sampling.temperature = 0;
  const std::string whole = run(engine, r).answer;
  ASSERT_GT(whole.size(), 6u);
  const std::string stop = whole.substr(4, 2);
  r.stop = {stop};
  const Answer a = run(engine, r);
  ASSERT_TRUE(a.finished) << a.error;
  EXPECT_EQ(a.finished->reason, StopReason::stop);
  EXPECT_EQ(a.answer, whole.substr(0, whole.find(stop)));
}

TEST_F(EngineTest, withoutAModelARequestFailsWithASentence) {
  Engine engine;
  const Answer a = run(engine, request("Hello"));
  EXPECT_NE(a.error, "");
}

TEST_F(EngineTest, aFailedLoadKeepsTheOldModel) {
  Engine engine;
  load(engine);
  LoadOptions o;
  o.path = "/does/not/exist.gguf";
  EXPECT_FALSE(engine.load(o));
  EXPECT_FALSE(run(engine, request("Hello")).answer.empty());
}

}  // namespace
}  // namespace lemma
