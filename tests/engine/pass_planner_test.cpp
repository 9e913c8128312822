// What a pass computes for many requests: answers by turns, prompts between them, pieces by what was measured. Pure.
#include "engine/schedule/pass_planner.h"

#include <gtest/gtest.h>

#include <map>

namespace lemma {
namespace {

using Waiting = PassPlanner::Waiting;
constexpr int kMost = PassPlanner::kDecodeRows;

std::map<size_t, int> planned(PassPlanner& planner, const std::vector<Waiting>& waiting, int batchRows = 512) {
  std::map<size_t, int> rows;
  for (const auto& piece : planner.plan(waiting, batchRows)) rows[piece.index] += piece.rows;
  return rows;
}

std::vector<Waiting> answers(size_t count, int rows = 1) {
  std::vector<Waiting> out;
  for (size_t i = 0; i < count; ++i) out.push_back({.id = 10 + i, .rows = rows});
  return out;
}

TEST(PassPlanner, answersRunSideBySideAndByTurns) {
  for (const size_t count : {1u, 3u, 8u, 9u, 16u, 21u}) {
    PassPlanner planner;
    std::vector<int> passes(count);
    for (size_t pass = 0; pass < 3 * count; ++pass) {
      const auto rows = planned(planner, answers(count));
      EXPECT_EQ(rows.size(), std::min(count, size_t(kMost)));
      for (const auto& [index, n] : rows) {
        EXPECT_EQ(n, 1);
        ++passes[index];
      }
      const auto [least, most] = std::ranges::minmax(passes);
      EXPECT_LE(most - least, 2) << count << " answers, pass " << pass;
    }
  }
}

TEST(PassPlanner, aPassHoldsWhatItsFamilyOfKernelsHolds) {
  PassPlanner planner;
  std::vector<int> sums(5);
  for (int pass = 0; pass < 10; ++pass) {
    int sum = 0;
    for (const auto& [index, n] : planned(planner, answers(5, 3))) {
      EXPECT_EQ(n, 3) << "what fits is computed whole";
      sums[index] += n;
      sum += n;
    }
    EXPECT_LE(sum, kMost);
  }
  for (const int s : sums) EXPECT_GE(s, 9) << "each gets its turn";
  std::vector<Waiting> again = answers(2);
  again[1].rows = 100;  // an answer that is read again
  EXPECT_EQ(planned(planner, again), (std::map<size_t, int>{{0, 1}, {1, kMost - 1}}));
  again[0].stays = true;
  EXPECT_EQ(planned(planner, again), (std::map<size_t, int>{{1, kMost}}));
  again[1].stays = true;
  EXPECT_TRUE(planned(planner, again).empty());
}

TEST(PassPlanner, aPromptGetsEveryOtherPass) {
  PassPlanner planner;
  std::vector<Waiting> waiting = answers(3);
  waiting.push_back({.id = 20, .rows = 5000, .ofPrompt = 5000});
  int prompts = 0;
  bool before = false;
  for (int pass = 0; pass < 20; ++pass) {
    const auto rows = planned(planner, waiting);
    const bool prompt = rows.contains(3);
    EXPECT_EQ(rows.size(), prompt ? 1u : 3u) << "a prompt runs by itself";
    if (pass > 0) {
      EXPECT_NE(prompt, before);
    }
    before = prompt;
    prompts += prompt;
  }
  EXPECT_EQ(prompts, 10);
  PassPlanner other;  // nobody waits for it
  EXPECT_EQ(planned(other, {{.id = 1, .rows = 5000, .ofPrompt = 5000}}),
            (std::map<size_t, int>{{0, PassPlanner::kPromptChunk}}));
  EXPECT_EQ(planned(other, {{.id = 1, .rows = 5000, .ofPrompt = 5000}}, 100), (std::map<size_t, int>{{0, 100}}));
}

// Pieces while answers wait take about kPromptMs, on machines of any speed.
TEST(PassPlanner, piecesFollowWhatARowTakes) {
  for (const double msOfRow : {0.01, 0.3, 0.7, 1.1, 50.0}) {
    PassPlanner planner;
    std::vector<Waiting> waiting = answers(1);
    waiting.push_back({.id = 20, .rows = 100'000, .ofPrompt = 100'000});
    double ms = 0;
    int rows = 0;
    for (int pass = 0; pass < 40; ++pass) {
      const auto plan = planned(planner, waiting);
      if (!plan.contains(1)) continue;
      rows = plan.at(1);
      ms = 5 + msOfRow * rows;
      planner.tookPrompt(rows, pass == 20 ? 100 * ms : ms);  // one pass was held up
    }
    EXPECT_GE(rows, PassPlanner::kLeastChunk) << msOfRow;
    EXPECT_LE(rows, PassPlanner::kPromptChunk) << msOfRow;
    if (rows > PassPlanner::kLeastChunk) {
      EXPECT_LE(ms, PassPlanner::kPromptMs * 1.05) << msOfRow;
    }
    if (rows < PassPlanner::kPromptChunk && rows > PassPlanner::kLeastChunk) {
      EXPECT_GE(ms, PassPlanner::kPromptMs * 0.9) << msOfRow;
    }
  }
}

// Whatever the pieces are, none of a long prompt is computed by the family of kernels for few rows.
TEST(PassPlanner, noPieceOfAPromptIsShort) {
  for (int length = kMost + 1; length < 700; ++length) {
    PassPlanner planner;
    std::vector<Waiting> waiting = answers(2);
    waiting.push_back({.id = 20, .rows = length, .ofPrompt = length});
    while (waiting[2].rows > 0) {
      const auto plan = planned(planner, waiting);
      if (!plan.contains(2)) continue;
      const int rows = plan.at(2);
      ASSERT_GT(rows, kMost) << length;
      ASSERT_LE(rows, waiting[2].rows);
      planner.tookPrompt(rows, rows * (0.2 + length % 13));
      waiting[2].ofPrompt = waiting[2].rows -= rows;
    }
  }
}

}  // namespace
}  // namespace lemma
