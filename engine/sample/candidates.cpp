#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/sample/sampler_stage.h"

namespace lemma {
namespace {
constexpr float kLowest = -std::numeric_limits<float>::infinity();
bool before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : int32_t(a.token) < int32_t(b.token);
}
Candidate candidate(size_t id, float logit) {
  return {Token(int32_t(id)), std::min(logit, std::numeric_limits<float>::max()), 0};
}

constexpr int kSteps = 64;
constexpr double kLn2 = 0.6931471805599453;
constexpr double kLn2High = 0.693147180369123816490,
                 kLn2Low = 1.90821492927058770002e-10;  // the sum is ln(2) to 30 digits

// 2^(j/64), computed by the compiler, whose arithmetic is IEEE's on every machine.
constexpr std::array<double, kSteps> powers() {
  std::array<double, kSteps> table{};
  for (int j = 0; j < kSteps; ++j) {
    const double x = j * kLn2 / kSteps;
    double sum = 1;
    for (int n = 20; n > 0; --n) sum = 1 + sum * x / n;  // Taylor's series by Horner
    table[size_t(j)] = sum;
  }
  return table;
}
constexpr std::array<double, kSteps> kPowers = powers();
}  // namespace

Candidates::Candidates(int vocabulary) { kept_.reserve(size_t(std::max(vocabulary, 1)) + 64); }

void Candidates::reset(std::span<float> logits) {
  logits_ = logits;
  kept_.clear();
  sorted_ = 0;
  collected_ = false;
}

void Candidates::collect() {
  if (collected_) return;
  collected_ = true;
  for (size_t i = 0; i < logits_.size(); ++i) {
    if (logits_[i] > kLowest) kept_.push_back(candidate(i, logits_[i]));
  }
  if (kept_.empty()) kept_.push_back({});
}

std::span<Candidate> Candidates::kept() {
  collect();
  return kept_;
}

void Candidates::keepTop(int k) {
  const size_t n = size_t(std::max(k, 1));
  if (collected_ || n >= logits_.size() / 4) {
    collect();
    sortTop(n);
    truncate(n);
    return;
  }
  // One pass over the vocabulary with a rising threshold: few logits pass it, and blocks without any are skipped.
  collected_ = true;
  const size_t room = 2 * n + 32;
  float threshold = kLowest;
  constexpr size_t kBlock = 32;
  for (size_t base = 0; base < logits_.size(); base += kBlock) {
    const std::span<const float> block = logits_.subspan(base, std::min(kBlock, logits_.size() - base));
    int above = 0;
    for (const float x : block) above |= int(x > threshold);
    if (!above) continue;
    for (size_t j = 0; j < block.size(); ++j) {
      if (!(block[j] > threshold)) continue;
      kept_.push_back(candidate(base + j, block[j]));
      if (kept_.size() < room) continue;
      std::nth_element(kept_.begin(), kept_.begin() + ptrdiff_t(n) - 1, kept_.end(), before);
      kept_.resize(n);
      threshold = kept_[n - 1].logit;
    }
  }
  if (kept_.empty()) kept_.push_back({});
  sortTop(n);
  truncate(n);
}

void Candidates::sortTop(size_t n) {
  collect();
  n = std::min(n, kept_.size());
  if (n <= sorted_) return;
  const auto first = kept_.begin() + ptrdiff_t(sorted_), middle = kept_.begin() + ptrdiff_t(n);
  if (n < kept_.size()) std::nth_element(first, middle, kept_.end(), before);
  std::sort(first, middle, before);
  sorted_ = n;
}

void Candidates::truncate(size_t n) {
  if (n < kept_.size()) kept_.resize(std::max<size_t>(n, 1));
  sorted_ = std::min(sorted_, kept_.size());
}

void Candidates::keepWeightFrom(double weight) {
  size_t out = 0, sorted = 0;
  for (size_t i = 0; i < kept_.size(); ++i) {
    if (kept_[i].weight < weight) continue;
    if (i < sorted_) ++sorted;
    kept_[out++] = kept_[i];
  }
  sorted_ = sorted;
  truncate(out);
}

float Candidates::highest() {
  collect();
  if (sorted_ > 0) return kept_[0].logit;
  float best = kept_[0].logit;
  for (const Candidate& c : kept_) best = std::max(best, c.logit);
  return best;
}

double Candidates::softmax() {
  const float best = highest();
  double sum = 0;
  for (Candidate& c : kept_) {
    c.weight = exactExp(double(c.logit) - double(best));
    sum += c.weight;
  }
  return sum;
}

double exactExp(double x) {
  if (!(x > -708.0)) return 0.0;
  if (x >= 0.0) return 1.0;
  // x = (64 n + j) ln(2)/64 + r, so exp(x) = 2^n 2^(j/64) exp(r) with |r| <= ln(2)/128: five terms are enough.
  const double k = std::floor(x * (kSteps / kLn2) + 0.5);
  const double r = (x - k * (kLn2High / kSteps)) - k * (kLn2Low / kSteps);
  const auto i = int64_t(k);
  const double series = 1.0 + r * (1.0 + r * (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120)))));
  return kPowers[size_t(i & (kSteps - 1))] * series * std::bit_cast<double>(uint64_t((i >> 6) + 1023) << 52);
}

}  // namespace lemma
