// What a token costs in counts that are the same on every machine: calls of operator new in the whole program.
#include <algorithm>

#include "tests/speculate/answers.h"
#include "tests/support/allocation_count.h"

namespace lemma::test {
namespace {

class Allocations : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(writeTinyModel(file_.path(), {.context = 8192}));  // a cache that does not fill up
    const auto info = engine_.load({.path = file_.path(), .threads = 2});
    ASSERT_TRUE(info) << info.error().what;
  }
  static ChatRequest ask(uint64_t seed) {
    ChatRequest r = question("Count, please", 0.9f, seed);
    r.sampling.logitBias = {{Token{257}, -1000.0f}};  // it does not end by itself
    r.sampling.repeat = 1.1f;
    r.stop = {"<stop>", "a word that is not said"};
    r.maxAnswerTokens = 300;
    return r;
  }
  // Calls while `answers` go on side by side, from the tenth token on to their last.
  long whileTheyGoOn(size_t answers) {
    std::vector<int> tokens(answers);
    bool over = false;
    for (size_t i = 0; i < answers; ++i) {
      engine_.start(ask(i + 1), [&tokens, &over, i](const StreamEvent& e) {
        if (const auto* d = std::get_if<PartDelta>(&e)) tokens[i] = d->tokens;
        over |= tokens[i] >= 290;
      });
    }
    while (std::ranges::min(tokens) < 10 && engine_.step()) {
    }
    const long before = allocations();
    while (!over && engine_.step()) {
    }
    const long calls = allocations() - before;
    while (engine_.step()) {
    }
    EXPECT_TRUE(over);
    return calls;
  }

  TemporaryFile file_;
  Engine engine_;
};

TEST_F(Allocations, aTokenOfAnAnswerAllocatesNothing) {
  for (const size_t answers : {size_t(1), size_t(5)}) {
    whileTheyGoOn(answers);  // programs are compiled, and buffers of the engine have their size
    EXPECT_EQ(whileTheyGoOn(answers), 0) << answers << " answers side by side";
  }
}

}  // namespace
}  // namespace lemma::test
