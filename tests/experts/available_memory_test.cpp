// What is free, over files of /proc and /sys that are made here.
#include "engine/experts/available_memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.h"

namespace lemma::test {
namespace {

class AvailableMemory : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = folder_.path() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  uint64_t available() const { return availableMemory(folder_.path().string()); }

  const TemporaryFolder folder_;
};

TEST_F(AvailableMemory, unknownWhereNothingSays) { EXPECT_EQ(available(), 0u); }

TEST_F(AvailableMemory, ofTheMachine) {
  write("proc/meminfo", "MemTotal:  100 kB\nMemAvailable:   64 kB\n");
  EXPECT_EQ(available(), 65536u);
}

TEST_F(AvailableMemory, theGroupAndThoseAboveIt) {
  write("proc/meminfo", "MemAvailable: 1000 kB\n");
  write("proc/self/cgroup", "0::/a/b\n");
  write("sys/fs/cgroup/a/b/memory.max", "max\n");
  write("sys/fs/cgroup/a/b/memory.current", "1000\n");
  write("sys/fs/cgroup/a/memory.max", "500000\n");
  write("sys/fs/cgroup/a/memory.current", "300000\n");
  write("sys/fs/cgroup/a/memory.stat", "anon 100000\ninactive_file 150000\nactive_file 50000\n");
  EXPECT_EQ(available(), 400000u);
}

TEST_F(AvailableMemory, aGroupThatIsFull) {
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/memory.max", "1000\n");
  write("sys/fs/cgroup/memory.current", "2000\n");
  EXPECT_EQ(available(), 0u);
}

TEST_F(AvailableMemory, theOlderHierarchy) {
  write("proc/meminfo", "MemAvailable: 1000 kB\n");
  write("proc/self/cgroup", "5:cpuset:/x\n4:cpu,memory:/a\n0::/\n");
  write("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "5000\n");
  EXPECT_EQ(available(), 1024000u);
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "70000\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "60000\n");
  write("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 1000\ntotal_active_file 2000\n");
  EXPECT_EQ(available(), 13000u);
}

}  // namespace
}  // namespace lemma::test
