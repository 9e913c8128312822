// What is guessed while one answer is generated: asks the proposers in turn, lets the model check a guess only where
// that has paid lately, and tries again later where it has not. Owner: the Engine's running request; engine thread.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/speculate/gauge.h"
#include "engine/speculate/proposer.h"
#include "engine/speculate/step_cost.h"

namespace lemma {

class Speculator {
 public:
  enum class Rule : uint8_t { wherePays, always };

  Speculator(std::vector<std::unique_ptr<Proposer>> proposers, Rule rule);

  // The pass to come without guesses: so many rows, for so many tokens that are drawn from it.
  struct Pass {
    int rows = 1, draws = 1;
  };
  // Guesses of what follows `text`, at most `most`, to be checked with the coming pass; live until the next call.
  // `text` only ever grows from call to call.
  std::span<const Token> guess(std::span<const Token> text, int most, const StepCost& cost, const Pass& pass);

  bool readsHidden() const;
  void read(int first, std::span<const float> hidden);  // as Proposer::read

 private:
  static constexpr int kFirstRest = 32;
  struct Member {
    std::unique_ptr<Proposer> proposer;
    Gauge gauge;
    Proposal proposal;          // the last, until it is judged
    bool open = false;          // it is not judged yet
    size_t at = 0;              // length of the text behind which it stands
    size_t checked = 0;         // so many of it the model checks; where none, the first is only watched
    double guessMs = 0;         // to make one guess
    int rest = 0;               // steps in which it is not asked
    int nextRest = kFirstRest;  // and how many when it fails again
    int trials = 0;             // guesses since the last rest that were not expected to pay
    bool askedBefore = false;   // in the step before: only then the time is that of guessing alone
  };

  static void judge(Member& member, std::span<const Token> text);
  size_t ask(Member& member, std::span<const Token> text, int most, const StepCost& cost, const Pass& pass) const;

  std::vector<Member> members_;
  const Rule rule_;
};

}  // namespace lemma
