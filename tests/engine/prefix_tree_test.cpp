// The tree of known beginnings against a list of all sequences, and what goes first when room is needed.
#include "engine/schedule/prefix_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string_view>

namespace lemma::test {
namespace {

std::vector<Token> tokens(std::string_view text) {
  std::vector<Token> out;
  for (const char c : text) out.push_back(Token(c));
  return out;
}

TEST(PrefixTree, findsTheLongestBeginning) {
  PrefixTree tree;
  EXPECT_EQ(tree.find(tokens("abc")).length, 0);
  EXPECT_EQ(tree.insert(SeqId{1}, tokens("abcdef")), std::nullopt);
  EXPECT_EQ(tree.insert(SeqId{2}, tokens("abcxyz")), std::nullopt);
  EXPECT_EQ(tree.find(tokens("abcxyq")).length, 5);
  EXPECT_EQ(tree.find(tokens("abcxyq")).seq, SeqId{2});
  EXPECT_EQ(tree.find(tokens("abcdef and more")).length, 6);
  EXPECT_EQ(tree.find(tokens("abcdef and more")).seq, SeqId{1});
  EXPECT_EQ(tree.find(tokens("abq")).length, 2);
  EXPECT_EQ(tree.find(tokens("zab")).length, 0);
  EXPECT_EQ(tree.find({}).length, 0);
}

TEST(PrefixTree, needlessSequencesAreHandedBack) {
  PrefixTree tree;
  EXPECT_EQ(tree.insert(SeqId{1}, tokens("abc")), std::nullopt);
  EXPECT_EQ(tree.insert(SeqId{2}, tokens("abcdef")), SeqId{1}) << "it goes on from a leaf";
  EXPECT_EQ(tree.insert(SeqId{3}, tokens("abcd")), SeqId{3}) << "all of it is known";
  EXPECT_EQ(tree.insert(SeqId{4}, tokens("abcdef")), SeqId{4});
  EXPECT_EQ(tree.insert(SeqId{5}, {}), SeqId{5});
  EXPECT_EQ(tree.insert(SeqId{6}, tokens("abz")), std::nullopt);
  EXPECT_EQ(tree.sequences().size(), 2u);
}

TEST(PrefixTree, theOldestEndGoesFirst) {
  PrefixTree tree;
  tree.insert(SeqId{1}, tokens("system question"));
  tree.insert(SeqId{2}, tokens("system question, answer"));
  tree.insert(SeqId{3}, tokens("other"));
  tree.find(tokens("system question!"));
  const auto next = [&tree] {
    const auto e = tree.evictOldest();
    return e ? std::pair(int(e->seq), e->keep) : std::pair(-1, -1);
  };
  EXPECT_EQ(next(), std::pair(2, 15)) << "the answer, down to where the question was kept";
  EXPECT_EQ(tree.find(tokens("system question, answer")).length, 15);
  EXPECT_EQ(next(), std::pair(3, 0));
  EXPECT_EQ(next(), std::pair(2, 0));
  EXPECT_EQ(next(), std::pair(-1, -1));
  EXPECT_EQ(tree.find(tokens("system")).length, 0);
}

// Against a map from sequences to what they hold, which says the longest beginning by comparing with all.
TEST(PrefixTree, asAListOfAllSequences) {
  std::mt19937 random(3);
  PrefixTree tree;
  std::map<SeqId, std::vector<Token>> held;
  const auto draw = [&] {
    std::vector<Token> t;
    const size_t n = 1 + random() % 12;
    for (size_t i = 0; i < n; ++i) t.push_back(Token(random() % 2));
    return t;
  };
  for (int turn = 0; turn < 20'000; ++turn) {
    const auto t = draw();
    switch (random() % 3) {
      case 0: {
        int longest = 0;
        for (const auto& [seq, has] : held) {
          longest = std::max(longest, int(std::ranges::mismatch(has, t).in1 - has.begin()));
        }
        const auto match = tree.find(t);
        ASSERT_EQ(match.length, longest) << turn;
        if (longest > 0) {
          ASSERT_TRUE(held.contains(match.seq)) << turn;
          const auto& there = held[match.seq];
          ASSERT_GE(int(there.size()), longest) << turn;
          ASSERT_TRUE(std::equal(t.begin(), t.begin() + longest, there.begin())) << turn;
        }
        break;
      }
      case 1: {
        held[SeqId{turn}] = t;
        if (const auto needless = tree.insert(SeqId{turn}, t)) {
          ASSERT_EQ(held.erase(*needless), 1u) << turn;
        }
        break;
      }
      default: {
        const auto evicted = tree.evictOldest();
        ASSERT_EQ(evicted.has_value(), !held.empty()) << turn;
        if (!evicted) break;
        ASSERT_TRUE(held.contains(evicted->seq)) << turn;
        ASSERT_LT(size_t(evicted->keep), held[evicted->seq].size()) << turn;
        if (evicted->keep > 0) {
          held[evicted->seq].resize(size_t(evicted->keep));
        } else {
          held.erase(evicted->seq);
        }
      }
    }
    auto all = tree.sequences();
    ASSERT_EQ(all.size(), held.size()) << turn;
    for (const SeqId seq : all) ASSERT_TRUE(held.contains(seq)) << turn;
  }
}

}  // namespace
}  // namespace lemma::test
