// How often a proposer is right, and with that whether its guesses are worth checking: a running estimate that forgets,
// kept by grade. Pure: no clock, no model. One a proposer; engine thread.
#pragma once

#include <array>

#include "engine/speculate/proposer.h"
#include "engine/speculate/step_cost.h"

namespace lemma {

class Gauge {
 public:
  // One guessed token, those before it being right.
  void saw(int grade, bool right);
  double rate(int grade) const { return right_[size_t(grade)] / seen_[size_t(grade)]; }

  // How many guesses, at most `most`, give the most tokens for the time of a pass; 0 where none gives at least 10 %
  // more than the pass as it is, of `rows` rows for `draws` tokens. `guessMs`: what a guess takes to make.
  int best(int grade, int most, const StepCost& cost, int rows, int draws, double guessMs) const;

 private:
  // Unseen, short repetitions count as chance and long ones as likely. It takes some to think otherwise: an ordinary
  // answer that repeats itself once by chance must not be slower for it.
  std::array<double, Proposer::kGrades> right_{1.5, 3, 6}, seen_{10, 10, 10};
};

}  // namespace lemma
