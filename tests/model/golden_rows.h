// Logits against the rows that a golden keeps. Class: reference (max |difference| <= 2e-3, the same argmax where the
// margin is above 0.01). Test code only.
#pragma once

#include <nlohmann/json.hpp>

#include "tests/model/run_model.h"
#include "tests/support/goldens.h"
#include "tests/support/npy.h"

namespace lemma::test {

// The worst difference of `got` [positions, vocabulary] from rows `first` and on of `expected`, one for each position.
inline double worstOfRows(const Npy& expected, int64_t first, const std::vector<int>& positions,
                          const std::vector<float>& got) {
  constexpr float kClearMargin = 0.01f;
  const int vocabulary = int(expected.shape.back());
  double worst = 0;
  for (const int position : positions) {
    EXPECT_LT(first, expected.shape.front());
    EXPECT_LE(size_t(position + 1) * size_t(vocabulary), got.size());
    if (testing::Test::HasFailure()) return INFINITY;
    const float* want = expected.row(first++);
    const float* have = got.data() + size_t(position) * size_t(vocabulary);
    for (int t = 0; t < vocabulary; ++t) {
      if (!std::isfinite(have[t])) return INFINITY;
      worst = std::max(worst, std::fabs(double(have[t]) - double(want[t])));
    }
    if (margin(want, vocabulary) > kClearMargin) {
      EXPECT_EQ(argmax(have, vocabulary), argmax(want, vocabulary)) << "position " << position;
    }
  }
  return worst;
}

constexpr double kReference = 2e-3;

// A golden of tests/goldens/models: the rows of all its prompts behind each other in one file.
struct KeptRows {
  explicit KeptRows(const std::string& name)
      : folder(std::filesystem::path(LEMMA_TESTS_DIR) / "goldens/models" / name),
        golden(nlohmann::json::parse(readText(folder / "golden.json"))),
        logits(readNpy(folder / "logits.npy")) {}

  // logitsOf(name of a prompt, its ids) -> [ids or fewer, vocabulary].
  template <class LogitsOf>
  void expect(const LogitsOf& logitsOf) const {
    int64_t row = 0;
    double worst = 0;
    for (const char* prompt : {"short", "mid40", "long200"}) {
      SCOPED_TRACE(prompt);
      const auto& p = golden["prompts"][prompt];
      const auto positions = p["positions"].template get<std::vector<int>>();
      const std::vector<float> got = logitsOf(prompt, p["ids"].template get<std::vector<int>>());
      worst = std::max(worst, worstOfRows(logits, row, positions, got));
      row += int64_t(positions.size());
    }
    EXPECT_EQ(row, logits.shape.front());
    EXPECT_LE(worst, kReference);
    testing::Test::RecordProperty("worst", std::to_string(worst));
  }

  std::filesystem::path folder;
  nlohmann::json golden;
  Npy logits;
};

}  // namespace lemma::test
