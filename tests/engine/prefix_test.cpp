// What the cache keeps between requests: a branch, a regeneration and a second conversation compute only what is new,
// and no answer changes by it. Class bitwise: what a person or a template wrote is always computed in pieces of more
// than 8 rows, whatever of it is known.
#include <gtest/gtest.h>

#include <cstring>
#include <optional>

#include "engine/api/engine.h"
#include "engine/model.h"
#include "engine/schedule/pass_planner.h"
#include "engine/schedule/sequence_pool.h"
#include "tests/model/tiny_model.h"
#include "tests/support/backend_names.h"
#include "tests/support/tiny_model.h"

namespace lemma::test {
namespace {

struct Answer {
  std::string text, words, error;  // text: with what each piece is
  std::optional<Finished> finished;
  void take(const StreamEvent& e) {
    if (const auto* d = std::get_if<PartDelta>(&e)) {
      text += (d->kind == PartKind::think ? "t" : "a") + d->text;
      words += d->text;
    }
    if (const auto* f = std::get_if<Finished>(&e)) finished = *f;
    if (const auto* x = std::get_if<Failed>(&e)) error = x->error.what;
  }
};

class Prefix : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { ASSERT_TRUE(writeTinyModel(file_.path(), {.context = 1024})); }
  void load(Engine& engine, int context = 0) {
    const auto info =
        engine.load({.path = file_.path(), .context = context, .batch = 64, .threads = 2, .backend = GetParam()});
    ASSERT_TRUE(info) << info.error().what;
  }
  static ChatRequest ask(std::vector<ChatTurn> turns, uint64_t seed = 1, int think = 0) {
    ChatRequest r;
    r.turns = std::move(turns);
    r.sampling.temperature = 1.5f;
    r.sampling.seed = seed;
    r.think = {.kind = think > 0 ? ThinkBudget::Kind::tokens : ThinkBudget::Kind::off, .tokens = think};
    r.sampling.logitBias = {{Token{257}, -1000.0f}};  // no answer ends by itself
    r.maxAnswerTokens = 30;
    r.speculate = Speculation::off;
    return r;
  }
  static Answer run(Engine& engine, ChatRequest request) {
    Answer a;
    engine.start(std::move(request), [&a](const StreamEvent& e) { a.take(e); });
    while (engine.step()) {
    }
    EXPECT_TRUE(a.finished) << a.error;
    return a;
  }
  Answer fresh(const ChatRequest& request, int context = 0) {
    Engine engine;
    load(engine, context);
    return run(engine, request);
  }
  // The rows of the prompt that were computed, apart from those of generation.
  static int promptRows(const Answer& a) { return a.finished->promptTokens - a.finished->cachedTokens; }

  static constexpr int kLeast = 9;  // rows that are computed anyway
  void expectFresh(const Answer& a, const ChatRequest& request, int context = 0) {
    EXPECT_EQ(a.text, fresh(request, context).text);
  }

  TemporaryFile file_;
  const ChatTurn system_{"system", "You are a helper whose instructions are long, so that they are worth keeping."};
};

TEST_P(Prefix, aRegenerationReadsTheEndOfThePrompt) {
  Engine engine;
  load(engine);
  const Answer first = run(engine, ask({system_, {"user", "What is a prime?"}}, 1));
  for (uint64_t seed = 1; seed < 4; ++seed) {
    const ChatRequest again = ask({system_, {"user", "What is a prime?"}}, seed);
    const Answer a = run(engine, again);
    EXPECT_EQ(promptRows(a), kLeast);
    EXPECT_EQ(a.finished->computedTokens, kLeast + a.finished->answerTokens - 1);
    expectFresh(a, again);
  }
  EXPECT_EQ(first.finished->cachedTokens, 0);
  EXPECT_EQ(first.finished->computedTokens, first.finished->promptTokens + first.finished->answerTokens - 1);
}

TEST_P(Prefix, branchesKeepEachOther) {
  Engine engine;
  load(engine);
  std::vector<ChatTurn> turns{system_, {"user", "What is a prime, and why do people look for large ones?"}};
  const Answer root = run(engine, ask(turns));
  turns.push_back({"assistant", "A number with two divisors."});
  const int known = root.finished->promptTokens;
  std::vector<std::vector<ChatTurn>> branches;
  for (const char* q :
       {"And is one of them even, or are all of them odd?", "Who proved that there is no end of them?"}) {
    branches.push_back(turns);
    branches.back().push_back({"user", q});
    const ChatRequest request = ask(branches.back());
    const Answer a = run(engine, request);
    EXPECT_GE(a.finished->cachedTokens, known - 3) << "all of the first turn; what opens an answer may differ";
    expectFresh(a, request);
  }
  // Going back and forth between the two costs a few tokens a time, however often.
  for (int turn = 0; turn < 4; ++turn) {
    const ChatRequest again = ask(branches[size_t(turn) % 2], uint64_t(turn) + 5);
    const Answer a = run(engine, again);
    EXPECT_EQ(promptRows(a), kLeast);
    expectFresh(a, again);
  }
}

TEST_P(Prefix, conversationsShareTheSystemPrompt) {
  Engine engine;
  load(engine);
  const Answer first = run(engine, ask({system_, {"user", "Aardvark: what is it that I have before me?"}}));
  const ChatRequest other = ask({system_, {"user", "Zebra: what is it that I have before me?"}});
  const Answer second = run(engine, other);
  EXPECT_GT(second.finished->cachedTokens, int(system_.content.size()));
  EXPECT_EQ(second.finished->computedTokens, promptRows(second) + second.finished->answerTokens - 1);
  expectFresh(second, other);
}

TEST_P(Prefix, alsoWhileTheFirstIsStillAnswered) {
  Engine engine;
  load(engine);
  const ChatRequest one = ask({system_, {"user", "Aardvark: what is it that I have before me?"}});
  const ChatRequest two = ask({system_, {"user", "Zebra: what is it that I have before me?"}});
  Answer a, b;
  engine.start(one, [&a](const StreamEvent& e) { a.take(e); });
  while (a.text.empty() && engine.step()) {
  }
  engine.start(two, [&b](const StreamEvent& e) { b.take(e); });
  while (engine.step()) {
  }
  ASSERT_TRUE(a.finished && b.finished);
  EXPECT_GT(b.finished->cachedTokens, int(system_.content.size()));
  expectFresh(a, one);
  expectFresh(b, two);
}

// Thoughts are left out of the next prompt: what is kept must reach the end of the person's turn without them.
TEST_P(Prefix, theNextTurnAfterAThoughtReadsTheAnswerAndTheQuestion) {
  Engine engine;
  load(engine);
  std::vector<ChatTurn> turns{system_, {"user", "What is a prime?"}};
  const Answer first = run(engine, ask(turns, 1, 40));
  ASSERT_GT(first.finished->thinkTokens, 0);
  turns.push_back({"assistant", "A number with two divisors."});
  turns.push_back({"user", "And the next one?"});
  const ChatRequest next = ask(turns, 2, 40);
  const Answer second = run(engine, next);
  const int added = second.finished->promptTokens - first.finished->promptTokens;
  EXPECT_LT(promptRows(second), added + 60) << "the scaffold of the thought is read again";
  EXPECT_GT(second.finished->cachedTokens, int(system_.content.size()));
  expectFresh(second, next);
}

TEST_P(Prefix, aCancelledPromptIsNotReadTwice) {
  Engine engine;
  load(engine);
  const ChatRequest request = ask({system_, {"user", std::string(400, 'x')}});
  Answer a;
  int done = 0;
  const RequestId id = engine.start(request, [&](const StreamEvent& e) {
    a.take(e);
    if (const auto* p = std::get_if<PromptProgress>(&e)) done = p->done;
  });
  while (done < 200 && engine.step()) {
  }
  engine.cancel(id);
  while (engine.step()) {
  }
  const Answer again = run(engine, request);
  EXPECT_EQ(again.finished->cachedTokens, done);
  expectFresh(again, request);
}

// More conversations than there are pages: the oldest go, and every answer is that of a fresh engine.
TEST_P(Prefix, whenPagesRunOutTheOldestGo) {
  constexpr int kContext = 384;
  Engine engine;
  load(engine, kContext);
  const auto conversation = [&](int i) {
    return ask({system_, {"user", "Question " + std::to_string(i) + ": " + std::string(120, char('a' + i))}});
  };
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 12; ++i) {
      const ChatRequest request = conversation(i);
      const Answer a = run(engine, request);
      EXPECT_EQ(a.error, "");
      expectFresh(a, request, kContext);
    }
  }
  EXPECT_EQ(promptRows(run(engine, conversation(11))), kLeast) << "the last one is still there";
  EXPECT_GT(promptRows(run(engine, conversation(0))), 100) << "the first one is not";
}

// Prompts of lengths around the pieces that they are computed in (64 rows), fresh and known.
TEST_P(Prefix, whateverThePiecesAre) {
  for (int length = 20; length < 180; length += 7) {
    SCOPED_TRACE(length);
    const ChatRequest one = ask({{"user", std::string(size_t(length), 'q')}}, uint64_t(length));
    const ChatRequest two = ask({{"user", std::string(size_t(length), 'q') + "?"}}, uint64_t(length));
    Engine engine;
    load(engine);
    run(engine, one);
    expectFresh(run(engine, one), one);
    expectFresh(run(engine, two), two);
  }
}

// The same by the bits of the logits, with the rule by which the engine cuts prompts.
TEST_P(Prefix, theLastLogitsAreThoseOfAFreshComputation) {
  constexpr int kMost = 64;
  const auto model =
      Model::load({.path = file_.path(), .context = 512, .batch = kMost, .threads = 2, .backend = GetParam()});
  ASSERT_TRUE(model) << model.error().what;
  const int least = (*model)->leastPromptRows();
  const auto read = [&](SeqId seq, std::span<const Token> tokens, int leastRows) {
    std::vector<float> logits;
    for (auto at = size_t((*model)->length(seq)); at < tokens.size();) {
      Batch batch;
      const auto n = size_t(promptPiece(int(tokens.size() - at), kMost, leastRows));
      for (size_t i = at; i < at + n; ++i) batch.add(tokens[i], int(i), seq, i + 1 == tokens.size());
      const auto made = (*model)->forward(batch, CancelFlag(false));
      EXPECT_TRUE(made) << made.error().what;
      at += n;
      if (at == tokens.size()) logits.assign(made->data.begin(), made->data.end());
    }
    return logits;
  };
  const auto sameBits = [](const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
  };
  int differ = 0;  // where the rule is left out
  SequencePool pool(**model);
  for (size_t length = 9; length < 150; length += 3) {
    std::vector<Token> prompt;
    for (size_t i = 0; i < length; ++i) prompt.push_back(Token((i * 37 + i * i + length / 30) % 256));
    const SeqId fresh = (*model)->newSequence(), careless = (*model)->newSequence();
    const auto logits = read(fresh, prompt, least);
    (*model)->drop(fresh);
    read(careless, std::span(prompt).first(length - 1), least);
    differ += !sameBits(read(careless, prompt, 1), logits);
    (*model)->drop(careless);
    const SequencePool::Lease lease = pool.take(prompt, least);
    EXPECT_TRUE(sameBits(read(lease.seq, prompt, least), logits)) << length << " tokens, " << lease.cached << " known";
    pool.giveBack(lease.seq, prompt);
  }
  if (GetParam() == "cpu") {
    EXPECT_GT(differ, 0) << "the two families are told apart by this test";
  }
}

// An answer that was stopped goes on in the family that generated it.
TEST_P(Prefix, anAnswerThatGoesOnIsThatWhichWasNotStopped) {
  Engine engine;
  load(engine);
  ChatRequest r = ask({system_, {"user", "What is a prime?"}});
  r.sampling.temperature = 0;
  for (int b = 0; b < 256; ++b) {
    if (b < 'a' || b > 'z') r.sampling.logitBias.emplace_back(Token{b}, -1000.0f);  // text that goes in and out alike
  }
  const std::string whole = run(engine, r).words;
  r.maxAnswerTokens = 12;
  const std::string first = run(engine, r).words;
  ASSERT_EQ(first.size(), 12u);
  r.continueAnswer = first;
  r.maxAnswerTokens = 18;
  const Answer rest = run(engine, r);
  EXPECT_EQ(promptRows(rest), 1) << "but for its last word all of it is there";
  EXPECT_EQ(first + rest.words, whole);
}

INSTANTIATE_TEST_SUITE_P(All, Prefix, testing::ValuesIn(backendNames()), [](const auto& i) { return i.param; });

}  // namespace
}  // namespace lemma::test
