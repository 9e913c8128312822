#include "storage/instance_lock.h"

#include <signal.h>
#include <sys/wait.h>

#include "tests/storage/fixture.h"

namespace lemma::storage {

TEST(InstanceLock, secondOneIsToldWhoHoldsIt) {
  TempFolder folder;
  const std::string path = folder / "lemma.lock";
  EXPECT_FALSE(InstanceLock::holder(path));
  {
    TAKE(first, InstanceLock::acquire(path, "/run/user/1000/lemma.sock"));
    ASSERT_TRUE(first);
    TAKE(second, InstanceLock::acquire(path, "/elsewhere"));
    EXPECT_FALSE(second);
    EXPECT_EQ(InstanceLock::holder(path), (InstanceLock::Holder{::getpid(), "/run/user/1000/lemma.sock"}));
    const InstanceLock moved = std::move(*first);
    TAKE(still, InstanceLock::acquire(path, ""));
    EXPECT_FALSE(still);
  }
  TAKE(again, InstanceLock::acquire(path, ""));
  EXPECT_TRUE(again);
}

TEST(InstanceLock, sigkillReleasesIt) {
  TempFolder folder;
  const std::string path = folder / "lemma.lock";
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto lock = InstanceLock::acquire(path, "child");
    const char answer = lock && *lock ? 'y' : 'n';
    (void)!::write(ready[1], &answer, 1);
    for (;;) ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  TAKE(held, InstanceLock::acquire(path, ""));
  EXPECT_FALSE(held);
  EXPECT_EQ(InstanceLock::holder(path), (InstanceLock::Holder{child, "child"}));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  TAKE(freed, InstanceLock::acquire(path, ""));
  EXPECT_TRUE(freed);
  ::close(ready[0]);
  ::close(ready[1]);
}

// What stands in the file is only a hint and may be anything.
TEST(InstanceLock, aStrangeFileTellsNothing) {
  TempFolder folder;
  const std::string path = folder / "lemma.lock";
  for (const std::string& text :
       {std::string(), std::string("12"), std::string("12\n"), std::string("x\ny\n"), std::string("-3\n/a\n"),
        std::string("0\n/a\n"), std::string("99999999999999999999\n/a\n"), std::string(5000, '1'), std::string("\n\n"),
        std::string(10, '\0')}) {
    writeFile(path, text);
    EXPECT_FALSE(InstanceLock::holder(path)) << text;
  }
  TAKE(lock, InstanceLock::acquire(path, "/a"));
  EXPECT_TRUE(lock);
  EXPECT_EQ(InstanceLock::acquire(path, std::string(5000, 's')).error().code, Err::tooLarge);
  EXPECT_EQ(InstanceLock::acquire(folder / "no/such/folder", "").error().code, Err::io);
}

TEST(DataFolder, isMadeForOnePerson) {
  TempFolder folder;
  const std::string path = folder / "a/b/lemma";
  ASSERT_OK(ensureDataFolder(path));
  ASSERT_OK(ensureDataFolder(path));
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms::owner_all);
  writeFile(folder / "file", "");
  EXPECT_FALSE(ensureDataFolder(folder / "file"));
  EXPECT_FALSE(ensureDataFolder(folder / "file/below"));
  EXPECT_EQ(readFile(folder / "file"), "");
}

}  // namespace lemma::storage
