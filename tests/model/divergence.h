// Class divergence: mean KL <= 0.01, no row above 0.1, the same argmax where the margin is above 1.0. Test code only.
#pragma once

#include "tests/model/run_model.h"

namespace lemma::test {

constexpr double kMeanDivergence = 0.01, kRowDivergence = 0.1;

// KL(p || q) in nats of the distributions that two rows of logits give.
inline double divergence(const float* p, const float* q, int n) {
  const auto logSum = [n](const float* x) {
    const double most = *std::max_element(x, x + n);
    double sum = 0;
    for (int i = 0; i < n; ++i) sum += std::exp(double(x[i]) - most);
    return most + std::log(sum);
  };
  const double zp = logSum(p), zq = logSum(q);
  double kl = 0;
  for (int i = 0; i < n; ++i) {
    const double logP = double(p[i]) - zp;
    kl += std::exp(logP) * (logP - (double(q[i]) - zq));
  }
  return kl;
}

struct Divergence {
  double mean = 0, worst = 0;
};

// Class divergence: the bounds above, row by row.
inline Divergence expectClose(const std::vector<float>& want, const std::vector<float>& got, int vocabulary) {
  constexpr float kClearMargin = 1.0f;
  Divergence d;
  EXPECT_EQ(got.size(), want.size());
  const size_t rows = std::min(want.size(), got.size()) / size_t(vocabulary);
  for (size_t i = 0; i < rows; ++i) {
    const float *a = want.data() + i * size_t(vocabulary), *b = got.data() + i * size_t(vocabulary);
    const double kl = divergence(a, b, vocabulary);
    d.mean += kl / double(rows);
    d.worst = std::max(d.worst, kl);
    EXPECT_LE(kl, kRowDivergence) << "row " << i;
    if (margin(a, vocabulary) > kClearMargin) {
      EXPECT_EQ(argmax(b, vocabulary), argmax(a, vocabulary)) << "row " << i;
    }
  }
  EXPECT_LE(d.mean, kMeanDivergence);
  return d;
}

}  // namespace lemma::test
