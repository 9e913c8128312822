#include "engine/speculate/step_cost.h"

#include <algorithm>

namespace lemma {

void StepCost::took(int rows, double ms) {
  if (rows < 1 || rows > kMostRows || ms <= 0) return;
  double& known = ms_[size_t(rows)];
  // A pass that another program held up says little about the next.
  known = known == 0 ? ms : known + (std::min(ms, 2 * known) - known) / 8;
  if (rows > 1) return;
  // What was measured long ago is believed less and less, so that a single slow pass does not switch guessing off.
  for (int n = 2; n <= kMostRows; ++n) {
    if (double& old = ms_[size_t(n)]; old > 0) old += (ms_[1] * (1 + kUsualSlope * (n - 1)) - old) / 256;
  }
}

double StepCost::of(int rows) const {
  const int n = std::clamp(rows, 1, kMostRows);
  if (ms_[size_t(n)] > 0 || ms_[1] == 0) return ms_[size_t(n)];
  double slope = kUsualSlope * ms_[1];
  int nearest = 0;
  for (int k = 2; k <= kMostRows; ++k) {
    if (ms_[size_t(k)] > 0 && (nearest == 0 || std::abs(k - n) < std::abs(nearest - n))) nearest = k;
  }
  if (nearest > 0) slope = std::max(0.0, ms_[size_t(nearest)] - ms_[1]) / (nearest - 1);
  return ms_[1] + slope * (n - 1);
}

}  // namespace lemma
