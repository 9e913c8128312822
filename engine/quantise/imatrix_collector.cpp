#include "engine/quantise/imatrix_collector.h"

#include <algorithm>

#include "engine/memory/weights.h"

namespace lemma {

void ImatrixCollector::product(const TensorView& weight, const TensorView& input, int rows) {
  Sums& s = sums_[weight.data()];
  s.weight = weight;
  s.squares.resize(size_t(input.ne[0]));
  for (int r = 0; r < rows; ++r) {
    const auto* row = reinterpret_cast<const float*>(input.data() + r * input.nb[1]);
    for (size_t i = 0; i < s.squares.size(); ++i) s.squares[i] += double(row[i]) * double(row[i]);
  }
  s.rows += rows;
}

Imatrix ImatrixCollector::imatrix(const Model& model) const {
  Imatrix out;
  for (const auto& [data, s] : sums_) {
    const WeightPlace place = model.placeOf(s.weight);
    if (place.name.empty() || s.rows == 0) continue;
    Imatrix::Entry& e = out.entries[std::string(place.name)];
    e.columns = int64_t(s.squares.size());
    e.sums.resize(s.squares.size() * size_t(place.matrices));
    e.counts.resize(size_t(place.matrices));
    std::copy(s.squares.begin(), s.squares.end(), e.sums.begin() + place.matrix * e.columns);
    e.counts[size_t(place.matrix)] = float(s.rows);
  }
  return out;
}

}  // namespace lemma
