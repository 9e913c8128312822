#include "kernels/cpu/thread_team.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <ctime>

namespace lemma::cpu {
namespace {

struct Visits {
  std::array<std::atomic<int>, 8> of{};
  static void visit(void* self, int index) { static_cast<Visits*>(self)->of[size_t(index)].fetch_add(1); }
};

TEST(ThreadTeam, everyMemberWorksOnceARun) {
  for (int size : {1, 2, 3, 5}) {
    ThreadTeam team(size);
    Visits visits;
    for (int i = 0; i < 200; ++i) team.run(size, Visits::visit, &visits);
    for (int i = 0; i < 8; ++i) EXPECT_EQ(visits.of[size_t(i)], i < size ? 200 : 0) << size;
  }
}

TEST(ThreadTeam, fewerMayWorkThanThereAre) {
  ThreadTeam team(4);
  Visits visits;
  for (int count : {4, 1, 2, 3, 1, 4}) team.run(count, Visits::visit, &visits);
  EXPECT_EQ(visits.of[0], 6);
  EXPECT_EQ(visits.of[1], 4);
  EXPECT_EQ(visits.of[2], 3);
  EXPECT_EQ(visits.of[3], 2);
}

TEST(ThreadTeam, wakesAfterItParked) {
  ThreadTeam team(3);
  Visits visits;
  for (int i = 0; i < 3; ++i) {
    team.run(3, Visits::visit, &visits);
    std::this_thread::sleep_for(std::chrono::milliseconds(60));  // longer than anybody spins
  }
  EXPECT_EQ(visits.of[2], 3);
}

TEST(ThreadTeam, parkedMembersUseNoProcessor) {
  ThreadTeam team(3);
  Visits visits;
  team.run(3, Visits::visit, &visits);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(double(std::clock() - before) / CLOCKS_PER_SEC, 0.1);
}

}  // namespace
}  // namespace lemma::cpu
