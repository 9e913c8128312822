#include "engine/speculate/gauge.h"

namespace lemma {

void Gauge::saw(int grade, bool right) {
  constexpr double kKept = 0.96;  // about the last 25 count
  right_[size_t(grade)] = right_[size_t(grade)] * kKept + (right ? 1 : 0);
  seen_[size_t(grade)] = seen_[size_t(grade)] * kKept + 1;
}

int Gauge::best(int grade, int most, const StepCost& cost, int rows, int draws, double guessMs) const {
  constexpr double kWorthIt = 1.1;
  if (cost.of(rows) <= 0) return 0;
  double tokens = draws, next = 1, bestSpeed = kWorthIt * draws / cost.of(rows);
  int best = 0;
  for (int n = 1; n <= most; ++n) {
    next *= rate(grade);
    tokens += next;
    const double speed = tokens / (cost.of(rows + n) + guessMs * n);
    if (speed <= bestSpeed) continue;
    bestSpeed = speed;
    best = n;
  }
  return best;
}

}  // namespace lemma
