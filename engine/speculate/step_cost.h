// What a pass of few rows takes, by its rows: a running estimate from the passes that were run. The engine has one a
// model. No clock of its own: who measures tells it. Engine thread.
#pragma once

#include <array>

namespace lemma {

class StepCost {
 public:
  static constexpr int kMostRows = 8;

  void took(int rows, double ms);
  // Milliseconds; 0 as long as no pass was measured.
  double of(int rows) const;

 private:
  // As if nothing but passes of one row were known: each row more takes this share of the first.
  static constexpr double kUsualSlope = 0.2;

  std::array<double, kMostRows + 1> ms_{};  // by rows; 0 = not measured
};

}  // namespace lemma
