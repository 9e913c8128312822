// Experts from the disk: the bytes are those of the file, however little memory there is and whatever way they are
// read; what is dropped is what will be chosen last; and a file that breaks is an error with a sentence.
#include <unistd.h>

#include <filesystem>
#include <random>
#include <set>

#include "tests/experts/pattern_file.h"

namespace lemma::test {
namespace {

using Reads = ExpertCache::Reads;

std::vector<int32_t> hold(ExpertCache& cache, int layer, std::vector<int32_t> experts) {
  cache.choose(layer, experts);
  cache.hold(layer, experts);
  return experts;
}

bool isPresent(ExpertCache& cache, int layer, int32_t expert) {
  const ExpertStats before = cache.stats();
  cache.choose(layer, std::array{expert});
  return cache.stats().since(before).present == 1;
}

class EveryWay : public testing::TestWithParam<Reads> {};

TEST_P(EveryWay, bytesAreThoseOfTheFile) {
  // Matrices below a block, of whole blocks, and of several reads, beginning at any byte.
  struct Shape {
    int64_t columns, rows;
    uint64_t first;
  };
  for (const Shape s : {Shape{96, 5, 33}, Shape{4096, 2, 4096}, Shape{4096, 1200, 7}}) {
    const PatternFile pattern(2, 5, s.columns, s.rows, s.first);
    for (const uint64_t fit : {2u, 3u, 10u}) {
      ExpertCache cache(pattern.file, GetParam());
      pattern.addTo(cache, 2);
      ASSERT_TRUE(cache.start(fit * pattern.roomForOne()));
      EXPECT_GE(cache.stats().held, fit);
      for (int pass = 0; pass < 6; ++pass) {
        for (int layer = 0; layer < 2; ++layer) {
          const int32_t a = (pass + layer) % 4, b = a + 1;
          for (const int32_t e : hold(cache, layer, {a, b})) {
            EXPECT_TRUE(pattern.holds(cache.wait(layer, e), layer, e)) << s.columns << " " << fit << " " << e;
          }
          const std::array guess{a, b};
          cache.guess(1 - layer, guess);
        }
      }
      EXPECT_TRUE(cache.takeFailure());
    }
  }
}

TEST_P(EveryWay, aFileCutShortIsAnErrorAndNoSignal) {
  const PatternFile pattern(1, 8, 4096, 4);
  ExpertCache cache(pattern.file, GetParam());
  pattern.addTo(cache, 2);
  ASSERT_TRUE(cache.start(2 * pattern.roomForOne()));
  hold(cache, 0, {0, 1});
  EXPECT_TRUE(pattern.holds(cache.wait(0, 0), 0, 0));
  EXPECT_TRUE(pattern.holds(cache.wait(0, 1), 0, 1));
  ASSERT_EQ(truncate(pattern.path().c_str(), 3 * 4096), 0);
  hold(cache, 0, {6, 7});
  EXPECT_FALSE(cache.wait(0, 6).down);
  EXPECT_FALSE(cache.wait(0, 7).down);
  const auto failure = cache.takeFailure();
  ASSERT_FALSE(failure);
  EXPECT_EQ(failure.error().code, Err::unreadable);
  EXPECT_EQ(failure.error().what, pattern.path() + " has become shorter while its model was running");
  // The next step tries again, and fails again; one that finds its experts does not.
  hold(cache, 0, {6, 7});
  EXPECT_FALSE(cache.wait(0, 6).down);
  EXPECT_FALSE(cache.takeFailure());
  EXPECT_TRUE(cache.takeFailure());
}

TEST_P(EveryWay, manyThreadsWaitWhileOthersAreRead) {
  const PatternFile pattern(3, 16, 4096, 20);
  ExpertCache cache(pattern.file, GetParam());
  pattern.addTo(cache, 4);
  ASSERT_TRUE(cache.start(9 * pattern.roomForOne()));
  std::mt19937 random(5);
  std::atomic<int> wrong{0};
  for (int pass = 0; pass < 40; ++pass) {
    for (int layer = 0; layer < 3; ++layer) {
      std::set<int32_t> drawn, guessed;
      while (drawn.size() < 4) drawn.insert(int32_t(random() % 16));
      while (guessed.size() < 4) guessed.insert(int32_t(random() % 16));
      const std::vector<int32_t> guess(guessed.begin(), guessed.end());
      cache.choose(layer, std::vector<int32_t>(drawn.begin(), drawn.end()));
      cache.guess((layer + 1) % 3, guess);
      std::vector<int32_t> experts(drawn.begin(), drawn.end());
      cache.hold(layer, experts);
      std::vector<std::thread> threads;
      for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&, layer] {
          for (const int32_t e : experts) wrong += !pattern.holds(cache.wait(layer, e), layer, e);
        });
      }
      for (std::thread& t : threads) t.join();
    }
  }
  EXPECT_EQ(wrong, 0);
  const ExpertStats s = cache.stats();
  EXPECT_EQ(s.chosen, 40u * 3 * 4);
  EXPECT_EQ(s.passes, 40u);
  EXPECT_GT(s.guessedRight, 0u);
  EXPECT_LT(s.guessedRight, s.guessed);
  EXPECT_EQ(s.ring, GetParam() == Reads::best);
}

INSTANTIATE_TEST_SUITE_P(All, EveryWay, testing::Values(Reads::best, Reads::threads), [](const auto& tested) {
  return tested.param == Reads::best ? std::string("ring") : std::string("threads");
});

// Rows in turns, as gpt-oss's folders keep gate and up: both come with one read.
TEST(ExpertCache, matricesWithinEachOther) {
  PatternFile pattern(1, 4, 64, 32, 4096);
  ExpertSet gate = pattern.setOf(0, 0), up = gate;
  for (size_t e = 0; e < 4; ++e) {
    gate.experts[e].ne[1] = up.experts[e].ne[1] = 16;
    gate.experts[e].nb[1] = up.experts[e].nb[1] = 128;
    up.experts[e].off += 64;
  }
  ExpertCache cache(pattern.file);
  cache.add(gate, up, pattern.setOf(0, 2), 1);
  ASSERT_TRUE(cache.start(1 << 20));
  for (const int32_t e : hold(cache, 0, {1, 3})) {
    const ExpertBytes got = cache.wait(0, e);
    ASSERT_TRUE(got.gate);
    EXPECT_EQ(got.up - got.gate, 64);
    EXPECT_EQ(std::memcmp(got.gate, gate.experts[size_t(e)].data(), 16 * 128 - 64), 0);
  }
  EXPECT_EQ(cache.stats().bytesRead, 2u * 2 * 4096);
}

TEST(ExpertCache, lessThanATokenNeedsIsRefused) {
  const PatternFile pattern(1, 8, 4096, 256);
  ExpertCache cache(pattern.file);
  pattern.addTo(cache, 4);
  const auto started = cache.start(3 * pattern.roomForOne());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Err::outOfMemory);
  EXPECT_EQ(started.error().what,
            "there are 9 MB of memory for experts, and the 4 that a token passes in a layer take 13 MB");
}

TEST(ExpertCache, aFileThatChangedIsRefused) {
  const PatternFile pattern(1, 2, 4096, 4);
  ExpertCache cache(pattern.file);
  pattern.addTo(cache, 1);
  std::filesystem::resize_file(pattern.path(), 4096);
  const auto started = cache.start(1 << 20);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().what, pattern.path() + " has changed since it was opened");
}

TEST(ExpertCache, matricesThatLieInNoFileAreLeftWhereTheyAre) {
  const PatternFile pattern(1, 2, 64, 4);
  ExpertSet made = pattern.setOf(0, 0);
  for (TensorView& m : made.experts) m.buf.space = Space::host;
  ExpertCache cache(pattern.file);
  EXPECT_EQ(cache.add(made, pattern.setOf(0, 1), pattern.setOf(0, 2), 1).source, nullptr);
  EXPECT_EQ(cache.bytes(), 0u);
}

// Whole passes over more experts than fit: what was dropped longest ago would be dropped again just before it is
// chosen.
TEST(ExpertCache, rowsThatChooseEverythingFindHalfOfIt) {
  const PatternFile pattern(4, 4, 4096, 1);
  ExpertCache cache(pattern.file);
  pattern.addTo(cache, 2);
  ASSERT_TRUE(cache.start(8 * 3 * 2 * 4096));
  ASSERT_EQ(cache.stats().held, 8u);
  const auto pass = [&] {
    for (int layer = 0; layer < 4; ++layer) {
      for (const int32_t e : hold(cache, layer, {0, 1, 2, 3})) EXPECT_TRUE(cache.wait(layer, e).gate);
    }
  };
  for (int i = 0; i < 20; ++i) pass();
  const ExpertStats before = cache.stats();
  for (int i = 0; i < 10; ++i) pass();
  const ExpertStats s = cache.stats().since(before);
  EXPECT_EQ(s.chosen, 160u);
  EXPECT_GE(s.present, 40u);  // least recently used would find none
}

TEST(ExpertCache, whatIsChosenOftenStays) {
  const PatternFile pattern(1, 8, 4096, 1);
  ExpertCache cache(pattern.file);
  pattern.addTo(cache, 1);
  ASSERT_TRUE(cache.start(3 * 3 * 2 * 4096));
  ASSERT_EQ(cache.stats().held, 3u);
  const auto take = [&](int32_t e) { EXPECT_TRUE(pattern.holds(cache.wait(0, hold(cache, 0, {e})[0]), 0, e)); };
  for (int i = 0; i < 10; ++i) {
    take(0);
    take(1);
  }
  for (const int32_t once : {2, 3, 4, 5}) take(once);  // more than there is room for
  EXPECT_TRUE(isPresent(cache, 0, 0));
  EXPECT_TRUE(isPresent(cache, 0, 1));
  EXPECT_FALSE(isPresent(cache, 0, 2));
}

TEST(ExpertCache, aRightGuessIsReadBeforeItIsChosen) {
  const PatternFile pattern(2, 8, 4096, 1);
  ExpertCache cache(pattern.file);
  pattern.addTo(cache, 2);
  ASSERT_TRUE(cache.start(8 * 3 * 2 * 4096));
  hold(cache, 0, {0, 1});
  cache.guess(1, std::array<int32_t, 2>{4, 6});
  const uint64_t wanted = 4 * 3 * 2 * 4096;
  for (int i = 0; i < 2000 && cache.stats().bytesRead < wanted; ++i) usleep(1000);
  cache.choose(1, std::array<int32_t, 2>{4, 5});
  const ExpertStats s = cache.stats();
  EXPECT_EQ(s.guessed, 2u);
  EXPECT_EQ(s.guessedRight, 1u);
  EXPECT_EQ(s.present, 1u);
  EXPECT_EQ(s.fromGuess, 1u);
}

}  // namespace
}  // namespace lemma::test
