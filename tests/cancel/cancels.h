// A person who cancels at random moments of loading, of reading a prompt and of generation: how late the end comes, and
// that nothing is left behind. Class bitwise: whoever runs beside it, and the next answer, are undisturbed, event by
// event. Test code only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include "engine/model.h"
#include "engine/tokenizer/tokenizer.h"
#include "tests/speculate/answers.h"
#include "tests/support/default_model.h"
#include "tests/support/goldens.h"

namespace lemma::test {

// 99 of 100 cancels must be done within so many milliseconds. Of few, only `share` must: the latest of fifteen would be
// judged by what else the machine does.
constexpr double kLoadMs = 300, kPromptMs = 150, kGenerationMs = 50;

class Cancels {
 public:
  explicit Cancels(uint32_t seed) : random_(seed) {}

  // The first load and answers tell what is expected, and how long each piece of work takes.
  void begin() {
    load({});
    const double started = now();
    load({});
    loadMs_ = now() - started;
    expected_ = run(engine_, brief()).events;
    beside_ = run(engine_, kept()).events;
    const double asked = now();
    ChatRequest whole = longPrompt();
    whole.maxAnswerTokens = 1;
    run(engine_, whole);
    promptMs_ = now() - asked;
    ASSERT_NE(expected_.find("length"), std::string::npos) << expected_;
  }

  void duringLoad() {
    std::stop_source stop;
    const double wait = uniform(1.1 * loadMs_);
    double called = 0;
    std::jthread person([&] {
      std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(wait));
      called = now();
      stop.request_stop();
    });
    load(stop.get_token());
    const double ended = now();
    person.join();
    if (ended > called) loads.push_back(ended - called);
    expectUndisturbed();
  }
  void duringPrompt() { duringAnswer(longPrompt(), false, uniform(promptMs_), prompts); }
  void duringGeneration() {
    ChatRequest r = brief();
    r.maxAnswerTokens = 3000;
    duringAnswer(r, true, uniform(80), generations);
  }

  std::vector<double> loads, prompts, generations;  // milliseconds from cancel to end

 private:
  static double now() {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  double uniform(double most) { return std::uniform_real_distribution<double>(0, most)(random_); }

  void load(std::stop_token stop) {
    const auto info = engine_.load({.path = defaultModel().string(), .context = 4096, .threads = 2}, {}, stop);
    if (!info) {
      EXPECT_EQ(info.error().code, Err::cancelled) << info.error().what;
    }
    if (!noEnd_.empty()) return;
    for (const Token t : engine_.model()->tokenizer()->endOfGeneration()) noEnd_.emplace_back(t, -1000.0f);
  }
  ChatRequest brief() const {
    ChatRequest r = question("Name a river and say where it begins.", 0.8f, 3);
    r.sampling.logitBias = noEnd_;
    r.maxAnswerTokens = 6;
    return r;
  }
  ChatRequest kept() const {
    ChatRequest r = question("Tell a short story of a lighthouse.", 0.8f, 4);
    r.sampling.logitBias = noEnd_;
    r.maxAnswerTokens = 16;
    return r;
  }
  ChatRequest longPrompt() {  // about 800 tokens that the cache does not know
    std::string text = "Story " + std::to_string(++stories_) + ".";
    for (int i = 0; i < 70; ++i) text += " The old ship sailed slowly past seven green islands.";
    return question(text, 0.8f, 5);
  }

  // Cancelled `wait` milliseconds after it was asked, or after the first word; every second one has company.
  void duringAnswer(const ChatRequest& request, bool afterFirst, double wait, std::vector<double>& lateness) {
    Heard heard, company;
    double called = 0, ended = 0;
    std::jthread person;
    RequestId id{};
    const auto begin = [&] {
      person = std::jthread([&, id] {
        std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(wait));
        called = now();
        engine_.cancel(id);
      });
    };
    const bool accompanied = ++answers_ % 2 == 0;
    if (accompanied) engine_.start(kept(), [&company](const StreamEvent& e) { company.take(e); });
    id = engine_.start(request, [&](const StreamEvent& e) {
      heard.take(e);
      if (heard.finished || !heard.error.empty()) ended = now();
      if (afterFirst && !person.joinable() && heard.deltas == 1 && !heard.finished) begin();
    });
    if (!afterFirst) begin();
    const double start = now();
    while (engine_.step()) {
      ASSERT_LT(now() - start, 60'000) << "it never ends";
    }
    ASSERT_TRUE(person.joinable());
    person.join();
    ASSERT_TRUE(heard.finished) << heard.error;
    if (ended > called) {
      EXPECT_EQ(heard.finished->reason, StopReason::cancelled);
      lateness.push_back(ended - called);
    }
    if (accompanied) {
      EXPECT_EQ(company.events, beside_);
    }
    expectUndisturbed();
  }
  void expectUndisturbed() { EXPECT_EQ(run(engine_, brief()).events, expected_); }

  std::mt19937 random_;
  Engine engine_;
  std::vector<std::pair<Token, float>> noEnd_;
  std::string expected_, beside_;
  double loadMs_ = 0, promptMs_ = 0;
  int stories_ = 0, answers_ = 0;
};

inline void expectWithin(const char* what, std::vector<double> ms, size_t least, double share, double bar) {
  ASSERT_GE(ms.size(), least) << what;
  std::sort(ms.begin(), ms.end());
  const auto at = [&](double part) { return ms[size_t(std::ceil(part * double(ms.size()))) - 1]; };
  std::printf("%s: %zu cancels, median %.1f ms, 99 of 100 within %.1f ms, the latest %.1f ms\n", what, ms.size(),
              at(0.5), at(0.99), ms.back());
  EXPECT_LE(at(share), bar) << what;
}

// A third of `count` each.
inline void runCancels(int count, uint32_t seed, double share) {
  LEMMA_NEED_GOLDENS(defaultModel());
  Cancels person(seed);
  person.begin();
  for (int i = 0; i < count && !testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("cancel " + std::to_string(i));
    if (i % 3 == 0) person.duringLoad();
    if (i % 3 == 1) person.duringPrompt();
    if (i % 3 == 2) person.duringGeneration();
  }
  const auto least = size_t(count / 6);  // some come after the end
  expectWithin("load", person.loads, least, share, kLoadMs);
  expectWithin("prompt", person.prompts, least, share, kPromptMs);
  expectWithin("generation", person.generations, least, share, kGenerationMs);
}

}  // namespace lemma::test
