// Class bitwise: an answer is the same event by event whatever is guessed: right, wrong, at stop strings, at budgets,
// when it is cancelled or told to answer now, at the context's end, and beside other answers. On every backend.
#include "tests/speculate/answers.h"
#include "tests/support/backend_names.h"

namespace lemma::test {
namespace {

class Exactness : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { ASSERT_TRUE(writeTinyModel(file_.path(), {.thinkTokens = true})); }

  void load(Engine& engine, std::function<std::unique_ptr<Proposer>()> proposer, int context = 0, int batch = 512) {
    const auto info = engine.load({.path = file_.path(),
                                   .context = context,
                                   .batch = batch,
                                   .threads = 2,
                                   .backend = GetParam(),
                                   .proposer = std::move(proposer)});
    ASSERT_TRUE(info) << info.error().what;
  }

  // The request without guesses, then with guesses that are all right, partly right and all wrong.
  // `during` may act on the engine while events arrive.
  using During = std::function<void(Engine&, RequestId, const Heard&)>;
  Heard expectSame(const ChatRequest& request, const During& during = {}, int context = 0, int batch = 512) {
    std::vector<Token> text;
    const auto runWith = [&](std::function<std::unique_ptr<Proposer>()> proposer) {
      Engine engine;
      load(engine, std::move(proposer), context, batch);
      Heard heard;
      RequestId id{};
      id = engine.start(request, [&](const StreamEvent& e) {
        heard.take(e);
        if (during) during(engine, id, heard);
      });
      while (engine.step()) {
      }
      return heard;
    };
    const Heard plain = runWith([&text] { return std::make_unique<Recorder>(text); });
    EXPECT_TRUE(plain.finished) << plain.error;
    for (const size_t wrongEach : {size_t(0), size_t(1), size_t(2), size_t(3), size_t(7)}) {
      SCOPED_TRACE("every " + std::to_string(wrongEach) + "th guess is wrong");
      const Heard heard = runWith([&] { return std::make_unique<Teller>(text, wrongEach); });
      EXPECT_EQ(heard.events, plain.events);
      if (!heard.finished || batch == 1) continue;
      const Finished& f = *heard.finished;
      if (f.thinkTokens + f.answerTokens < 16) continue;  // too short to say anything
      EXPECT_GT(f.guessedTokens, 0);
      EXPECT_LE(f.acceptedTokens, f.guessedTokens);
      if (wrongEach == 1) {
        EXPECT_EQ(f.acceptedTokens, 0);
      } else {
        EXPECT_GT(f.acceptedTokens, 0);
      }
    }
    return plain;
  }

  TemporaryFile file_;
};

TEST_P(Exactness, greedyAndSampled) {
  for (const char* text : {"Hello", "What is 2+2?", "One two three one two three one two"}) {
    for (const float temperature : {0.0f, 0.8f, 2.0f}) {
      for (uint64_t seed = 1; seed <= 4; ++seed) {
        SCOPED_TRACE(text + std::string(" at ") + std::to_string(temperature) + " by " + std::to_string(seed));
        expectSame(question(text, temperature, seed));
        if (temperature == 0) break;
      }
    }
  }
}

TEST_P(Exactness, everySampler) {
  ChatRequest r = question("Hello", 1.2f, 11);
  r.sampling.topK = 12;
  r.sampling.topP = 0.8f;
  r.sampling.minP = 0.02f;
  r.sampling.repeat = 1.3f;
  r.sampling.presence = 0.4f;
  r.sampling.frequency = 0.2f;
  r.sampling.logitBias = {{Token{65}, 3.0f}};
  expectSame(r);
}

TEST_P(Exactness, rightGuessesSavePasses) {
  std::vector<Token> text;
  Engine engine;
  load(engine, [&text] { return std::make_unique<Recorder>(text); });
  const ChatRequest r = question("Hello", 0.8f, 5);
  const Heard plain = run(engine, r);
  load(engine, [&text] { return std::make_unique<Teller>(text, 0); });
  int steps = 0;
  Heard heard;
  engine.start(r, [&heard](const StreamEvent& e) { heard.take(e); });
  while (engine.step()) ++steps;
  EXPECT_EQ(heard.events, plain.events);
  ASSERT_TRUE(heard.finished);
  EXPECT_LT(steps, 12) << "60 tokens, up to eight a pass";
  EXPECT_GT(heard.finished->acceptedTokens, 48);
  EXPECT_EQ(heard.finished->computedTokens - heard.finished->guessedTokens + heard.finished->acceptedTokens,
            plain.finished->computedTokens)
      << "what was not guessed wrong is computed once";
}

TEST_P(Exactness, atStopStrings) {
  Engine engine;
  load(engine, {});
  ChatRequest r = question("Hello", 0.8f, 3);
  const std::string whole = run(engine, r).events;
  ASSERT_GT(whole.size(), 200u);
  std::string words;
  engine.start(r, [&words](const StreamEvent& e) {
    if (const auto* d = std::get_if<PartDelta>(&e)) words += d->text;
  });
  while (engine.step()) {
  }
  for (const size_t at : {size_t(3), size_t(10), size_t(17), size_t(30)}) {
    ASSERT_GT(words.size(), at + 2);
    r.stop = {words.substr(at, 2)};
    EXPECT_EQ(expectSame(r).finished->reason, StopReason::stop);
  }
}

TEST_P(Exactness, atBudgets) {
  for (const int budget : {5, 12, 33}) {
    for (const float temperature : {0.0f, 1.0f}) {
      ChatRequest r = question("Hello", temperature, 9);
      r.think = {.kind = ThinkBudget::Kind::tokens, .tokens = budget};
      r.maxAnswerTokens = 20;
      SCOPED_TRACE(budget);
      EXPECT_GT(expectSame(r).finished->thinkTokens, 0);
    }
  }
  for (const int answer : {1, 2, 9}) {
    ChatRequest r = question("Hello", 0.8f, 9);
    r.maxAnswerTokens = answer + 4;
    EXPECT_EQ(expectSame(r).finished->reason, StopReason::length);
  }
}

TEST_P(Exactness, whenCancelled) {
  for (const int after : {1, 4, 13}) {
    SCOPED_TRACE(after);
    const Heard heard = expectSame(question("Hello", 0.8f, 4), [after](Engine& e, RequestId id, const Heard& h) {
      if (h.deltas == after && !h.finished) e.cancel(id);
    });
    EXPECT_EQ(heard.finished->reason, StopReason::cancelled);
  }
}

TEST_P(Exactness, whenToldToAnswerNow) {
  for (const int after : {2, 7, 20}) {
    SCOPED_TRACE(after);
    ChatRequest r = question("Hello", 1.0f, 21);
    r.think = {.kind = ThinkBudget::Kind::max, .tokens = 0};
    r.maxAnswerTokens = 20;
    const Heard heard = expectSame(r, [after](Engine& e, RequestId id, const Heard& h) {
      if (h.deltas == after && !h.finished) e.endThought(id);
    });
    EXPECT_NE(heard.events.find("thought ended"), std::string::npos);
  }
}

TEST_P(Exactness, atTheContextsEnd) {
  ChatRequest r = question("Hi", 5, 7);
  r.maxAnswerTokens = 0;
  r.sampling.logitBias = {{Token{257}, -1000.0f}};
  EXPECT_EQ(expectSame(r, {}, 128).finished->reason, StopReason::context);
}

TEST_P(Exactness, withSmallBatches) {
  for (const int batch : {1, 3, 8}) expectSame(question("Hello", 0.8f, 6), {}, 0, batch);
}

TEST_P(Exactness, besideOtherAnswers) {
  constexpr size_t kAnswers = 5;
  std::vector<std::vector<Token>> texts(kAnswers);
  std::vector<Heard> plain(kAnswers);
  for (size_t i = 0; i < kAnswers; ++i) {
    Engine engine;
    load(engine, [&, i] { return std::make_unique<Recorder>(texts[i]); });
    plain[i] = run(engine, question("Question " + std::to_string(i), 0.9f, i + 1));
  }
  Engine engine;
  size_t made = 0;
  load(engine, [&] {
    const size_t i = made++;
    return std::make_unique<Teller>(texts[i], i);
  });
  std::vector<Heard> heard(kAnswers);
  for (size_t i = 0; i < kAnswers; ++i) {
    engine.start(question("Question " + std::to_string(i), 0.9f, i + 1),
                 [&heard, i](const StreamEvent& e) { heard[i].take(e); });
  }
  while (engine.step()) {
  }
  for (size_t i = 0; i < kAnswers; ++i) EXPECT_EQ(heard[i].events, plain[i].events) << i;
}

// A guess that the model cannot compute must not end an answer that it could have given.
TEST_P(Exactness, tokensOutsideTheVocabularyAreNoHarm) {
  class Foreign final : public Proposer {
   public:
    void propose(std::span<const Token>, int most, Proposal& out) override {
      out.tokens.assign(size_t(most), Token{1 << 20});
    }
    bool cheap() const override { return true; }
  };
  std::vector<Token> text;
  Engine engine;
  load(engine, [&text] { return std::make_unique<Recorder>(text); });
  const Heard plain = run(engine, question("Hello", 0.8f, 2));
  load(engine, [] { return std::make_unique<Foreign>(); });
  EXPECT_EQ(run(engine, question("Hello", 0.8f, 2)).events, plain.events);
}

INSTANTIATE_TEST_SUITE_P(All, Exactness, testing::ValuesIn(backendNames()), [](const auto& i) { return i.param; });

}  // namespace
}  // namespace lemma::test
