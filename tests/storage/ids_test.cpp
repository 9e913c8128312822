#include "storage/ids.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace lemma::storage {

TEST(Ids, formatIsUuidVersion7) {
  IdGenerator ids([] { return Millis{0x0123456789AB}; });
  const std::string text = ids.next().str();
  ASSERT_EQ(text.size(), 36u);
  EXPECT_EQ(text.substr(0, 14), "01234567-89ab-");
  EXPECT_EQ(text[14], '7');                                          // version
  EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos);  // variant
  for (size_t dash : {8u, 13u, 18u, 23u}) EXPECT_EQ(text[dash], '-');
  EXPECT_EQ(Uuid::parse(text)->str(), text);
}

TEST(Ids, risingWithinAMillisecondAndWhenTheClockGoesBack) {
  Millis now = 1'800'000'000'000;
  IdGenerator ids([&now] { return now; });
  Uuid last = ids.next();
  for (int i = 0; i < 20'000; ++i) {  // more than 12 bits count: borrows milliseconds
    if (i == 10'000) now -= 3'600'000;
    const Uuid next = ids.next();
    ASSERT_LT(last, next) << i;
    ASSERT_LT(last.str(), next.str()) << i;
    last = next;
  }
}

TEST(Ids, neverTheSameFromManyThreads) {
  IdGenerator ids;
  std::vector<std::vector<Uuid>> made(4);
  std::vector<std::thread> threads;
  for (auto& mine : made)
    threads.emplace_back([&ids, &mine] {
      for (int i = 0; i < 2'000; ++i) mine.push_back(ids.next());
    });
  for (auto& t : threads) t.join();
  std::set<Uuid> all;
  for (const auto& mine : made) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 8'000u);
}

TEST(Ids, parseRefusesWhatIsNotThatForm) {
  for (const char* bad : {"", "0", "01234567-89ab-7cde-8f01-23456789abc", "01234567-89ab-7cde-8f01-23456789abcde",
                          "0123456789ab-7cde-8f01-23456789abcd-", "g1234567-89ab-7cde-8f01-23456789abcd",
                          "01234567-89ab-7cde-8f01_23456789abcd", "{1234567-89ab-7cde-8f01-23456789abc}"})
    EXPECT_FALSE(Uuid::parse(bad)) << bad;
  EXPECT_TRUE(Uuid::parse("01234567-89AB-7CDE-8F01-23456789ABCD"));
  EXPECT_FALSE(Uuid::fromBytes(std::vector<uint8_t>(15)));
}

}  // namespace lemma::storage
