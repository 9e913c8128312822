// The bookkeeping of cache pages: counts, sharing, copying before a write.
#include "engine/memory/kv_cache.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace lemma {
namespace {

// Reserves and commits; returns what had to be copied.
std::vector<PageCopy> grow(KvCache& cache, SeqId seq, int length) {
  std::vector<PageCopy> copies;
  const auto reserved = cache.reserve(seq, length, copies);
  EXPECT_TRUE(reserved) << reserved.error().what;
  cache.commit(seq, length);
  return copies;
}

TEST(KvCache, takesPagesAsPositionsCome) {
  KvCache cache(4, 16, 64);
  const SeqId a = cache.create();
  EXPECT_EQ(cache.length(a), 0);
  EXPECT_TRUE(grow(cache, a, 1).empty());
  EXPECT_EQ(cache.pagesUsed(), 1);
  grow(cache, a, 16);
  EXPECT_EQ(cache.pagesUsed(), 1);
  grow(cache, a, 17);
  EXPECT_EQ(cache.pagesUsed(), 2);
  cache.truncate(a, 16);
  EXPECT_EQ(cache.pagesUsed(), 1);
  EXPECT_EQ(cache.length(a), 16);
  cache.truncate(a, 40);  // longer than it is
  EXPECT_EQ(cache.length(a), 16);
  cache.drop(a);
  EXPECT_EQ(cache.pagesFree(), 4);
  EXPECT_FALSE(cache.contains(a));
}

TEST(KvCache, fullIsAnErrorThatChangesNothing) {
  KvCache cache(3, 16, 100);
  const SeqId a = cache.create(), b = cache.create();
  grow(cache, a, 20);
  std::vector<PageCopy> copies;
  auto r = cache.reserve(b, 17, copies);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Err::contextFull);
  EXPECT_EQ(cache.pagesFree(), 1);
  EXPECT_TRUE(cache.pages(b).empty());
  r = cache.reserve(a, 101, copies);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Err::contextFull);
  EXPECT_NE(r.error().what.find("100"), std::string::npos);
  r = cache.reserve(SeqId{77}, 1, copies);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Err::badValue);
}

TEST(KvCache, forksShareUntilOneWrites) {
  KvCache cache(8, 16, 128);
  const SeqId a = cache.create();
  grow(cache, a, 40);
  const auto b = cache.fork(a, 40);
  ASSERT_TRUE(b);
  EXPECT_EQ(cache.length(*b), 40);
  EXPECT_EQ(cache.pagesUsed(), 3);  // nothing was copied

  const int32_t shared = cache.pages(a)[2];
  const auto copies = grow(cache, *b, 41);
  ASSERT_EQ(copies.size(), 1u);
  EXPECT_EQ(copies[0].from, shared);
  EXPECT_EQ(copies[0].to, cache.pages(*b)[2]);
  EXPECT_EQ(cache.pages(a)[2], shared);
  EXPECT_EQ(cache.pagesUsed(), 4);
  EXPECT_TRUE(grow(cache, a, 41).empty());  // the last to hold a page writes in it

  cache.drop(a);
  EXPECT_EQ(cache.pagesUsed(), 3);
  cache.drop(*b);
  EXPECT_EQ(cache.pagesUsed(), 0);
}

TEST(KvCache, aForkAtAPageBorderCopiesNothing) {
  KvCache cache(8, 16, 128);
  const SeqId a = cache.create();
  grow(cache, a, 48);
  const auto b = cache.fork(a, 32);
  ASSERT_TRUE(b);
  EXPECT_EQ(cache.pages(*b).size(), 2u);
  EXPECT_TRUE(grow(cache, *b, 33).empty());
  EXPECT_FALSE(cache.fork(SeqId{99}, 1));
}

// Against a model of what every sequence should see: each position's value, wherever its page lies.
TEST(KvCache, randomUseNeverMixesSequences) {
  constexpr int kPages = 24, kPageTokens = 4, kMost = 40;
  std::mt19937 random(11);
  const auto below = [&](int n) { return int(random() % uint32_t(n)); };
  KvCache cache(kPages, kPageTokens, kMost);
  std::vector<int> pool(kPages * kPageTokens, -1);
  std::map<SeqId, std::vector<int>> expected;
  int stamp = 0, full = 0;
  for (int step = 0; step < 20'000; ++step) {
    const int what = below(10);
    if (expected.empty() || what == 0) {
      expected[cache.create()];
      continue;
    }
    auto it = std::next(expected.begin(), below(int(expected.size())));
    auto& [seq, values] = *it;
    if (what == 1) {
      cache.drop(seq);
      expected.erase(it);
      continue;
    }
    if (what == 2) {
      const int length = below(int(values.size()) + 1);
      cache.truncate(seq, length);
      values.resize(size_t(length));
    } else if (what == 3) {
      const int length = below(int(values.size()) + 1);
      const auto fork = cache.fork(seq, length);
      ASSERT_TRUE(fork);
      expected[*fork] = {values.begin(), values.begin() + length};
    } else {
      const int length = int(values.size()) + 1 + below(6);
      std::vector<PageCopy> copies;
      const auto reserved = cache.reserve(seq, length, copies);
      for (const PageCopy& c : copies) {
        std::copy_n(pool.begin() + c.from * kPageTokens, kPageTokens, pool.begin() + c.to * kPageTokens);
      }
      if (!reserved) {
        ASSERT_TRUE(copies.empty());
        ++full;
        continue;
      }
      if (below(5) == 0) {  // the step failed: as if it had not been
        cache.truncate(seq, int(values.size()));
        continue;
      }
      for (int p = int(values.size()); p < length; ++p) {
        pool[size_t(cache.pages(seq)[size_t(p / kPageTokens)] * kPageTokens + p % kPageTokens)] = stamp;
        values.push_back(stamp++);
      }
      cache.commit(seq, length);
    }
    std::set<int32_t> used;
    for (const auto& [s, v] : expected) {
      ASSERT_EQ(cache.length(s), int(v.size()));
      for (const int32_t page : cache.pages(s)) used.insert(page);
      for (size_t p = 0; p < v.size(); ++p) {
        ASSERT_EQ(pool[size_t(cache.pages(s)[p / kPageTokens] * kPageTokens) + p % kPageTokens], v[p])
            << "step " << step;
      }
    }
    ASSERT_EQ(cache.pagesUsed(), int(used.size()));
  }
  EXPECT_GT(full, 100);
}

}  // namespace
}  // namespace lemma
