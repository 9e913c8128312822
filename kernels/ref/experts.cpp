#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/ref/parts.h"

namespace lemma::ref {
namespace {

// Positions of the `count` largest, of equals the first, in falling order.
std::vector<int> largest(const std::vector<double>& values, int count) {
  std::vector<int> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return values[size_t(a)] > values[size_t(b)]; });
  order.resize(size_t(count));
  return order;
}

std::vector<double> score(const float* in, int64_t n, Scoring scoring) {
  std::vector<double> out(in, in + n);
  if (scoring == Scoring::sigmoid) {
    for (double& x : out) x = 1 / (1 + std::exp(-x));
    return out;
  }
  const double top = *std::max_element(out.begin(), out.end());
  double total = 0;
  for (double& x : out) total += x = std::exp(x - top);
  for (double& x : out) x /= total;
  return out;
}

}  // namespace

Result<void> route(const Op& op, const StepData& step) {
  const RouteParams& p = op.p.route;
  const int64_t experts = op.in[0].ne[0], groupSize = experts / p.groups;
  std::vector<float> bias(static_cast<size_t>(experts));
  if (!op.in[1].empty()) decodeRow(op.in[1], 0, bias);
  for (int r = 0; r < rowsOf(op, step); ++r) {
    const std::vector<double> scores = score(row(op.in[0], r), experts, p.scoring);
    std::vector<double> wish(scores);
    for (size_t e = 0; e < wish.size(); ++e) wish[e] += double(bias[e]);
    if (p.topGroups < p.groups) {
      std::vector<double> ofGroup;
      for (int g = 0; g < p.groups; ++g) {
        std::vector<double> group(wish.begin() + g * groupSize, wish.begin() + (g + 1) * groupSize);
        std::sort(group.begin(), group.end(), std::greater<>());
        ofGroup.push_back(p.groupByTwoBest ? group[0] + group[1] : group[0]);
      }
      std::vector<bool> stays(size_t(p.groups), false);
      for (const int g : largest(ofGroup, p.topGroups)) stays[size_t(g)] = true;
      for (int64_t e = 0; e < experts; ++e) {
        if (!stays[size_t(e / groupSize)]) wish[size_t(e)] = -INFINITY;
      }
    }
    const std::vector<int> chosen = largest(wish, p.topK);
    double total = 0;
    for (const int e : chosen) total += scores[size_t(e)];
    for (size_t i = 0; i < chosen.size(); ++i) {
      double weight = scores[size_t(chosen[i])];
      if (p.normalise) weight /= total + 1e-20;
      rowOfIds(op.out[0], r)[i] = chosen[i];
      row(op.out[1], r)[i] = float(weight * double(p.scale));
    }
  }
  return {};
}

// Expert by expert, so that each of its rows is decoded once for all that chose it.
Result<void> moeFfn(const Op& op, const StepData& step, const CancelFlag& cancel) {
  const int64_t d = op.in[0].ne[0], topK = op.in[1].ne[0];
  const auto experts = int64_t(op.experts[0]->experts.size());
  const int rows = rowsOf(op, step);
  struct Pair {
    int row = 0;
    float weight = 0;
    std::vector<float> hidden;
  };
  std::vector<std::vector<Pair>> pairsOf(static_cast<size_t>(experts));
  std::vector<std::vector<double>> sums;
  for (int r = 0; r < rows; ++r) {
    auto& sum = sums.emplace_back(static_cast<size_t>(d));
    if (!op.in[3].empty()) std::copy_n(row(op.in[3], r), d, sum.begin());
    for (int64_t i = 0; i < topK; ++i) {
      const int32_t e = rowOfIds(op.in[1], r)[i];
      if (e < 0 || e >= experts) return outside(op, "expert", e);
      pairsOf[size_t(e)].push_back({r, row(op.in[2], r)[i], {}});
    }
  }
  std::vector<float> gateRow, upRow, downRow, gateBias, upBias, downBias;
  const auto biasOf = [&](size_t set, size_t e, std::vector<float>& out) {
    const ExpertSet& s = *op.experts[set];
    out.assign(size_t(s.experts[e].ne[1]), 0.0f);
    if (!s.biases.empty()) decodeRow(s.biases[e], 0, out);
  };
  for (size_t e = 0; e < pairsOf.size(); ++e) {
    if (pairsOf[e].empty() || (op.elsewhere && (*op.elsewhere)[e])) continue;
    const TensorView &gate = op.experts[0]->experts[e], &up = op.experts[1]->experts[e],
                     &down = op.experts[2]->experts[e];
    biasOf(0, e, gateBias);
    biasOf(1, e, upBias);
    biasOf(2, e, downBias);
    for (int64_t h = 0; h < gate.ne[1]; ++h) {
      if (cancel.load(std::memory_order_relaxed)) return cancelled();
      decodeRow(gate, h, gateRow);
      decodeRow(up, h, upRow);
      for (Pair& p : pairsOf[e]) {
        const double g = dot(row(op.in[0], p.row), gateRow.data(), d) + double(gateBias[size_t(h)]);
        const double u = dot(row(op.in[0], p.row), upRow.data(), d) + double(upBias[size_t(h)]);
        p.hidden.push_back(gated(op.p.gate, float(g), float(u)));
      }
    }
    for (int64_t o = 0; o < d; ++o) {
      if (cancel.load(std::memory_order_relaxed)) return cancelled();
      decodeRow(down, o, downRow);
      for (const Pair& p : pairsOf[e]) {
        const double made = dot(downRow.data(), p.hidden.data(), down.ne[0]) + double(downBias[size_t(o)]);
        sums[size_t(p.row)][size_t(o)] += double(p.weight) * made;
      }
    }
  }
  for (int r = 0; r < rows; ++r) std::copy(sums[size_t(r)].begin(), sums[size_t(r)].end(), row(op.out[0], r));
  return {};
}

}  // namespace lemma::ref
