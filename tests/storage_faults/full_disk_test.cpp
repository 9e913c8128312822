// A file system that is really full: while sending, while migrating and while salvaging, and room again afterwards.
#include <sys/mount.h>

#include "tests/storage/fixture.h"

namespace lemma::storage {
namespace {

namespace fs = std::filesystem;

class SmallDisk {
 public:
  explicit SmallDisk(int mebibytes) {
    mounted_ =
        ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, ("size=" + std::to_string(mebibytes) + "m").c_str()) == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.path().c_str(), MNT_DETACH);
  }
  bool isMounted() const { return mounted_; }
  std::string operator/(const std::string& name) const { return folder_ / name; }
  const std::string& path() const { return folder_.path(); }
  // Leaves so many bytes free; giveBack() ends that.
  void take(uintmax_t left) const {
    const uintmax_t free = fs::space(path()).available;
    if (free > left) writeFile(*this / "taken", std::string(free - left, 't'));
  }
  void giveBack() const { fs::remove(*this / "taken"); }

 private:
  TempFolder folder_;
  bool mounted_ = false;
};

class FullDiskTest : public StoreTest, public ::testing::WithParamInterface<int> {};

TEST_P(FullDiskTest, refusesWholeAndGoesOnWhenThereIsRoom) {
  SmallDisk disk(GetParam());
  if (!disk.isMounted()) GTEST_SKIP() << "this account may not mount a small file system";
  const std::string file = disk / "lemma.db";
  const auto conversation = ids_.conversation();
  size_t asked = 0;
  {
    TAKE(store, Store::open(file));
    disk.take(600'000);
    for (;; ++asked) {
      const auto sent =
          store.send(question("q" + std::to_string(asked) + std::string(3000, 'x'), conversation, !asked));
      if (sent) continue;
      EXPECT_EQ(sent.error().code, Err::diskFull) << sent.error().what;
      break;
    }
    EXPECT_GT(asked, 10u);
    TAKE(full, store.load(conversation));
    EXPECT_EQ(full.messages.size(), 2 * asked);
    disk.giveBack();
    ASSERT_OK(store.send(question("room again", conversation)));
    ASSERT_OK(store.check());
  }
  // No room for a new store beside a damaged one: it stays as it is until there is.
  const std::string damaged = std::string(100, '\0') + readFile(file).substr(100);
  writeFile(file, damaged);
  disk.take(40'000);
  EXPECT_EQ(Store::open(file, {.salvage = true}).error().code, Err::diskFull);
  EXPECT_EQ(filesIn(disk.path()).size(), 2u);  // it and what takes the room
  EXPECT_EQ(readFile(file), damaged);
  disk.giveBack();
  {
    TAKE(store, Store::open(file, {.salvage = true}));
    ASSERT_TRUE(store.report().salvaged);
    TAKE(thread, store.load(conversation));
    EXPECT_EQ(thread.messages.size(), 2 * asked + 2);
  }
  // No room for the copy before a migration: nothing is migrated and no half copy stays.
  for (const auto& entry : fs::directory_iterator(disk.path())) fs::remove(entry.path());
  fs::copy_file(std::string(LEMMA_TESTS_DIR) + "/goldens/storage/schema-1000.db", file);
  const std::string old = readFile(file);
  disk.take(60'000);  // enough to open it
  EXPECT_EQ(Store::open(file).error().code, Err::diskFull);
  EXPECT_EQ(readFile(file), old);
  EXPECT_EQ(filesIn(disk.path()).size(), 2u);
  disk.giveBack();
  ASSERT_OK(Store::open(file));
}

INSTANTIATE_TEST_SUITE_P(Mebibytes, FullDiskTest, ::testing::Values(1, 2, 4, 8));

}  // namespace
}  // namespace lemma::storage
