#include "engine/quantise/imatrix_collector.h"

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
    const std::string_view name = model.weightName(s.weight);
    if (name.empty() || s.rows == 0) continue;
    out.entries.emplace(name, Imatrix::Entry{.columns = int64_t(s.squares.size()),
                                             .sums = {s.squares.begin(), s.squares.end()},
                                             .counts = {float(s.rows)}});
  }
  return out;
}

}  // namespace lemma
