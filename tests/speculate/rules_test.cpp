// When a guess is made and when it is worth checking: pure rules, without a model or a clock.
#include <gtest/gtest.h>

#include "engine/speculate/gauge.h"
#include "engine/speculate/ngram_proposer.h"
#include "engine/speculate/speculator.h"
#include "engine/speculate/step_cost.h"

namespace lemma::test {
namespace {

std::vector<Token> tokens(std::string_view text) {
  std::vector<Token> out;
  for (const char c : text) out.push_back(Token(c));
  return out;
}

std::string guessed(std::string_view text, int most) {
  NgramProposer proposer;
  Proposal out;
  proposer.propose(tokens(text), most, out);
  std::string s;
  for (const Token t : out.tokens) s.push_back(char(t));
  return s;
}

TEST(Ngram, whatFollowedTheLongestRepetition) {
  EXPECT_EQ(guessed("", 7), "");
  EXPECT_EQ(guessed("a", 7), "");
  EXPECT_EQ(guessed("abcdefgh", 7), "");
  EXPECT_EQ(guessed("xa1 ya2 xa", 2), "1 ");
  EXPECT_EQ(guessed("1ab2 9ab8 ab", 1), "8") << "the last of two";
  EXPECT_EQ(guessed("1cab2 9ab8 cab", 1), "2") << "the longer, though it is older";
  EXPECT_EQ(guessed("zb ayb", 3), "") << "one token is no repetition";
  EXPECT_EQ(guessed("abcabc", 7), "abcabca") << "a cycle goes on past the end";
  EXPECT_EQ(guessed("aaaa", 5), "aaaaa");
  EXPECT_EQ(guessed("abxab", 0), "");
}

TEST(Ngram, longRepetitionsAreTrustedMore) {
  NgramProposer proposer;
  Proposal out;
  for (const auto& [text, grade] :
       {std::pair("ab-ab", 0), {"abc-abc", 0}, {"abcd-abcd", 1}, {"abcdefgh-abcdefgh", 2}}) {
    proposer.propose(tokens(text), 1, out);
    EXPECT_EQ(out.grade, grade) << text;
  }
}

TEST(StepCost, knowsWhatWasMeasuredAndReckonsTheRest) {
  StepCost cost;
  EXPECT_EQ(cost.of(1), 0);
  cost.took(1, 10);
  EXPECT_DOUBLE_EQ(cost.of(1), 10);
  EXPECT_GT(cost.of(2), 10);
  EXPECT_GT(cost.of(8), cost.of(2));
  cost.took(5, 30);
  EXPECT_DOUBLE_EQ(cost.of(5), 30);
  EXPECT_DOUBLE_EQ(cost.of(3), 20) << "on the line to the nearest that was measured";
  cost.took(1, 1000);
  EXPECT_LT(cost.of(1), 12) << "one pass that was held up does not count for much";
  for (int i = 0; i < 2000; ++i) cost.took(1, 10);
  EXPECT_LT(cost.of(5), 20) << "what was measured long ago is believed less";
  for (const int rows : {0, -1, 9}) cost.took(rows, 5);
  EXPECT_NEAR(cost.of(1), 10, 0.1);
}

TEST(Gauge, guessesAreCheckedWhereTheyPay) {
  StepCost cost;
  Gauge gauge;
  EXPECT_EQ(gauge.best(2, 7, cost, 1, 1, 0), 0) << "nothing is known of the model";
  cost.took(1, 10);
  cost.took(8, 24);
  for (int i = 0; i < 60; ++i) {
    gauge.saw(0, i % 8 == 0);
    gauge.saw(2, true);
  }
  EXPECT_EQ(gauge.best(0, 7, cost, 1, 1, 0), 0);
  EXPECT_EQ(gauge.best(2, 7, cost, 1, 1, 0), 7);
  EXPECT_EQ(gauge.best(2, 3, cost, 1, 1, 0), 3);
  EXPECT_EQ(gauge.best(2, 7, cost, 1, 1, 50), 0) << "guesses that take longer than the model itself";
  for (int i = 0; i < 60; ++i) gauge.saw(2, i % 8 == 0);
  EXPECT_EQ(gauge.best(2, 7, cost, 1, 1, 0), 0) << "what was right once is not right for ever";
}

TEST(Gauge, rowsThatCostAsMuchAsAPassAreNotWorthIt) {
  StepCost cost;
  Gauge gauge;
  for (int rows = 1; rows <= 8; ++rows) cost.took(rows, 10.0 * rows);
  for (int i = 0; i < 99; ++i) gauge.saw(1, true);
  EXPECT_EQ(gauge.best(1, 7, cost, 1, 1, 0), 0);
}

// Guesses the same token again and again and counts how often it is asked.
class Stubborn final : public Proposer {
 public:
  Stubborn(bool cheap, int& asked) : cheap_(cheap), asked_(asked) {}
  void propose(std::span<const Token>, int most, Proposal& out) override {
    ++asked_;
    out.grade = 2;
    if (!cheap_) out.grade = 0;
    out.tokens.assign(size_t(most), Token{7});
  }
  bool cheap() const override { return cheap_; }

 private:
  bool cheap_;
  int& asked_;
};

// Lets the text grow token by token and counts the tokens that were to be checked in vain.
struct Growth {
  explicit Growth(bool cheap) {
    std::vector<std::unique_ptr<Proposer>> proposers;
    proposers.push_back(std::make_unique<Stubborn>(cheap, asked));
    speculator = std::make_unique<Speculator>(std::move(proposers), Speculator::Rule::wherePays);
    cost.took(1, 10);
    cost.took(8, 24);
  }
  int grow(int steps, Token next) {
    int checked = 0;
    for (int i = 0; i < steps; ++i) {
      const auto guesses = speculator->guess(text, 7, cost, {});
      checked += int(guesses.size());
      size_t right = 0;
      while (right < guesses.size() && guesses[right] == next) ++right;
      text.insert(text.end(), right + 1, next);
    }
    return checked;
  }
  int asked = 0;
  std::unique_ptr<Speculator> speculator;
  StepCost cost;
  std::vector<Token> text = tokens("start");
};

TEST(Speculator, aCheapProposerThatIsWrongIsOnlyWatched) {
  Growth g(true);
  EXPECT_LE(g.grow(300, Token{1}), 30) << "until it was seen to be wrong";
  EXPECT_EQ(g.grow(100, Token{1}), 0);
  EXPECT_EQ(g.asked, 400) << "watching goes on";
  EXPECT_GT(g.grow(60, Token{7}), 100) << "and it is taken back when it is right again";
}

TEST(Speculator, aCostlyProposerThatIsWrongRests) {
  Growth g(false);
  g.grow(300, Token{1});
  const int before = g.asked;
  EXPECT_LE(g.grow(1000, Token{1}), 60);
  EXPECT_LT(g.asked - before, 40) << "it is asked again later, and less and less often";
  EXPECT_GT(g.asked - before, 0);
  EXPECT_GT(g.grow(2000, Token{7}), 2000) << "right again, it is used again";
}

TEST(Speculator, atMostWhatThereIsRoomFor) {
  Growth g(true);
  for (int most = 0; most <= 7; ++most) EXPECT_LE(int(g.speculator->guess(g.text, most, g.cost, {}).size()), most);
}

}  // namespace
}  // namespace lemma::test
