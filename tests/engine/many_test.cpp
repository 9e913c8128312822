// Many requests at once. Class bitwise, event by event, on every backend: an answer is what it is alone, whoever runs
// beside it, is cancelled or comes later, and however little room the cache has.
#include <atomic>
#include <random>
#include <thread>

#include "engine/memory/kv_pools.h"
#include "engine/model.h"
#include "engine/schedule/pass_planner.h"
#include "kernels/api/backend_list.h"
#include "tests/speculate/answers.h"
#include "tests/support/backend_names.h"

namespace lemma::test {
namespace {

class Many : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { ASSERT_TRUE(writeTinyModel(file_.path(), {.context = 1024})); }

  void load(Engine& engine, int context = 0) {
    const auto info = engine.load({.path = file_.path(), .context = context, .threads = 2, .backend = GetParam()});
    ASSERT_TRUE(info) << info.error().what;
  }
  static ChatRequest ask(size_t number, int tokens = 40, Speculation speculate = Speculation::automatic) {
    ChatRequest r = question("Question " + std::to_string(number) + std::string(number * 3, '.'), 0.9f, number + 1);
    r.sampling.logitBias = {{Token{257}, -1000.0f}};  // no answer ends by itself
    r.maxAnswerTokens = tokens;
    r.speculate = speculate;
    return r;
  }
  static void lettersOnly(ChatRequest& r) {  // each token is shown at once
    for (int b = 0; b < 256; ++b) {
      if (b < 'a' || b > 'z') r.sampling.logitBias.emplace_back(Token{b}, -1000.0f);
    }
  }
  std::vector<std::string> alone(const std::vector<ChatRequest>& requests, int context = 0) {
    std::vector<std::string> events;
    for (const ChatRequest& r : requests) {
      Engine engine;
      load(engine, context);
      events.push_back(run(engine, r).events);
      EXPECT_NE(events.back().find("length"), std::string::npos) << events.back();
    }
    return events;
  }

  TemporaryFile file_;
};

TEST_P(Many, cancelOfOneLeavesTheOthersUntouched) {
  std::vector<ChatRequest> requests;
  for (size_t i = 0; i < 4; ++i) requests.push_back(ask(i));
  requests[3].turns[0].content = std::string(300, 'x');  // is read while the others answer
  const std::vector<std::string> expected = alone(requests);
  for (size_t victim = 0; victim < requests.size(); ++victim) {
    for (const int steps : {0, 1, 2, 3, 7, 20, 33}) {
      Engine engine;
      load(engine);
      std::vector<Heard> heard(requests.size());
      std::vector<RequestId> ids;
      for (size_t i = 0; i < requests.size(); ++i) {
        ids.push_back(engine.start(requests[i], [&heard, i](const StreamEvent& e) { heard[i].take(e); }));
      }
      for (int step = 0; step < steps; ++step) engine.step();
      engine.cancel(ids[victim]);
      while (engine.step()) {
      }
      for (size_t i = 0; i < requests.size(); ++i) {
        SCOPED_TRACE(testing::Message() << victim << " cancelled after " << steps << " steps, " << i);
        ASSERT_TRUE(heard[i].finished) << heard[i].error;
        if (i == victim) {
          EXPECT_EQ(heard[i].finished->reason, StopReason::cancelled);
        } else {
          EXPECT_EQ(heard[i].events, expected[i]);
        }
      }
    }
  }
}

// The same from another thread, in the middle of passes.
TEST_P(Many, cancelsAtAnyMomentLeaveTheOthersUntouched) {
  const ChatRequest kept = ask(1, 120), other = ask(7, 400);
  const std::string expected = alone({kept})[0];
  Engine engine;
  load(engine);
  std::atomic<uint64_t> target{0};
  std::atomic<bool> over{false};
  std::thread person([&] {
    std::mt19937 random(5);
    while (!over) {
      if (const uint64_t id = target.exchange(0)) {
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
        engine.cancel(RequestId{id});
      }
      std::this_thread::yield();
    }
  });
  int cancelled = 0;
  for (int round = 0; round < 12; ++round) {
    Heard heard;
    bool runs = false;
    const auto begin = [&] {
      runs = true;
      target = uint64_t(engine.start(other, [&](const StreamEvent& e) {
        const auto* f = std::get_if<Finished>(&e);
        if (!f) return;
        runs = false;
        cancelled += f->reason == StopReason::cancelled;
      }));
    };
    begin();
    engine.start(kept, [&heard](const StreamEvent& e) { heard.take(e); });
    while (engine.step()) {
      if (!runs && !heard.finished) begin();
    }
    EXPECT_EQ(heard.events, expected) << "round " << round;
  }
  over = true;
  person.join();
  EXPECT_GT(cancelled, 12);
}

TEST_P(Many, moreAnswersThanAPassHoldsTakeTurns) {
  ASSERT_TRUE(writeTinyModel(file_.path(), {.context = 4096}));  // a cache that holds all of them
  std::vector<ChatRequest> requests;
  for (size_t i = 0; i < 19; ++i) {
    requests.push_back(ask(i, 60, Speculation::off));
    lettersOnly(requests.back());
  }
  const std::vector<std::string> expected = alone(requests);
  Engine engine;
  load(engine);
  std::vector<Heard> heard(requests.size());
  std::vector<int> tokens(requests.size()), since, progress(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    engine.start(requests[i], [&, i](const StreamEvent& e) {
      heard[i].take(e);
      if (const auto* d = std::get_if<PartDelta>(&e)) tokens[i] = d->tokens;
      if (since.empty() && std::ranges::min(tokens) > 0) since = tokens;  // all have begun
      if (heard[i].finished && progress[0] == 0 && !since.empty()) {
        for (size_t j = 0; j < tokens.size(); ++j) progress[j] = tokens[j] - since[j];
      }
    });
  }
  while (engine.step()) {
  }
  for (size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(heard[i].events, expected[i]) << i;
  const auto [least, most] = std::ranges::minmax(progress);  // until the first of them ended
  EXPECT_GT(least, 3);
  EXPECT_LE(most - least, 2);
}

// Six conversations that together take three times what the cache holds.
TEST_P(Many, theYoungestGivesWayWhereTheCacheIsFull) {
  std::vector<ChatRequest> requests;
  for (size_t i = 0; i < 6; ++i) {
    requests.push_back(ask(i, 250, i % 2 ? Speculation::off : Speculation::automatic));
    requests.back().turns[0].content += std::string(150, char('a' + i));
  }
  const std::vector<std::string> expected = alone(requests, 512);
  Engine engine;
  load(engine, 512);
  std::vector<Heard> heard(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    engine.start(requests[i], [&heard, i](const StreamEvent& e) { heard[i].take(e); });
  }
  while (engine.step()) {
  }
  int again = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(heard[i].events, expected[i]) << i;
    ASSERT_TRUE(heard[i].finished) << heard[i].error;
    const Finished& f = *heard[i].finished;
    again += f.computedTokens - f.guessedTokens > f.promptTokens + f.answerTokens;
  }
  EXPECT_GT(again, 0) << "the cache was large enough for all";
}

// Between two pieces of a long prompt every answer in progress gets a token.
TEST_P(Many, aLongPromptIsReadBetweenTheTokensOfTheOthers) {
  Engine engine;
  load(engine);
  ChatRequest running = ask(1, 600, Speculation::off), arriving = ask(2, 1, Speculation::off);
  lettersOnly(running);
  arriving.turns[0].content = std::string(900, 'y');
  int tokens = 0, pieces = 0, before = 0, read = 0;
  for (int i = 0; i < 3; ++i) {
    running.sampling.seed = uint64_t(i) + 1;
    engine.start(running, [&tokens](const StreamEvent& e) { tokens += std::holds_alternative<PartDelta>(e); });
  }
  for (int i = 0; i < 20; ++i) engine.step();
  bool answered = false;
  engine.start(arriving, [&](const StreamEvent& e) {
    answered |= std::holds_alternative<PartDelta>(e) || std::holds_alternative<Finished>(e);
    const auto* p = std::get_if<PromptProgress>(&e);
    if (!p) return;
    EXPECT_LE(p->done - read, PassPlanner::kPromptChunk);
    if (pieces++ > 1) {
      EXPECT_GE(tokens - before, 2) << "at " << p->done << "; what may begin a tag is shown later";
    }
    before = tokens;
    read = p->done;
  });
  while (!answered && engine.step()) {
  }
  EXPECT_GT(pieces, 3);
}

INSTANTIATE_TEST_SUITE_P(All, Many, testing::ValuesIn(backendNames()), [](const auto& i) { return i.param; });

// Eight sequences of a deep model that all write to a page they share: more copies than a backend's queue holds.
TEST(KvPools, anyNumberOfPagesIsCopied) {
  constexpr int kLayers = 80, kPages = 17;
  for (const BackendEntry& entry : backendList()) {
    auto backend = entry.make({.threads = 2});
    ASSERT_TRUE(backend) << backend.error().what;
    KvPools pools;
    const std::vector<Backend*> layers(kLayers, backend->get());
    ASSERT_TRUE(pools.allocate(
        {.type = Type::F32, .headDim = 32, .vDim = 32, .kvHeads = 1, .pageTokens = 4, .pages = kPages}, layers));
    const auto first = [](const TensorView& pool, int page) {
      return reinterpret_cast<float*>(pool.data() + page * pool.nb[3]);
    };
    for (int layer = 0; layer < kLayers; ++layer) {
      *first(pools.k()[size_t(layer)], 0) = float(layer);
      *first(pools.v()[size_t(layer)], 0) = float(-layer);
    }
    std::vector<PageCopy> copies;
    for (int page = 1; page < kPages; ++page) copies.push_back({0, page});
    const auto copied = pools.copyPages(copies);
    ASSERT_TRUE(copied) << entry.name << ": " << copied.error().what;
    for (int layer = 0; layer < kLayers; ++layer) {
      for (int page = 1; page < kPages; ++page) {
        ASSERT_EQ(*first(pools.k()[size_t(layer)], page), float(layer));
        ASSERT_EQ(*first(pools.v()[size_t(layer)], page), float(-layer));
      }
    }
  }
}

}  // namespace
}  // namespace lemma::test
