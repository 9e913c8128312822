// The person's files: read up to a limit, written whole or not at all.
#include "storage/export/file.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "tests/storage/fixture.h"

namespace lemma::storage {
namespace {

namespace fs = std::filesystem;

TEST(ExportFile, isWrittenAndReplaced) {
  TempFolder folder;
  const std::string path = folder / "a.json";
  ASSERT_OK(writeWholeFile(path, "first"));
  ASSERT_OK(writeWholeFile(path, std::string("se\0cond", 7)));
  TAKE(bytes, readWholeFile(path, 7));
  EXPECT_EQ(bytes, std::string("se\0cond", 7));
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(filesIn(folder.path()).size(), 1u) << "nothing is left beside it";
  fs::create_symlink(path, folder / "link");
  ASSERT_OK(writeWholeFile(folder / "link", "third"));
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(readFile(path), "third");
}

TEST(ExportFile, aDiskThatIsFullLeavesWhatWasThere) {
  TempFolder folder;
  const std::string path = folder / "a.json";
  ASSERT_OK(writeWholeFile(path, "kept"));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto written = writeWholeFile(path, std::string(5000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().what, path + " could not be written: File too large.");
  EXPECT_EQ(filesIn(folder.path()), (std::map<std::string, std::string>{{"a.json", "kept"}}));
}

TEST(ExportFile, whatCannotBeReadOrWrittenSaysSo) {
  TempFolder folder;
  const std::string missing = folder / "none/a.json";
  EXPECT_EQ(readWholeFile(missing, 10).error().what, missing + " could not be read: No such file or directory.");
  EXPECT_EQ(readWholeFile(missing, 10).error().code, Err::notFound);
  EXPECT_EQ(writeWholeFile(missing, "x").error().code, Err::notFound);
  EXPECT_EQ(readWholeFile(folder.path(), 10).error().what, folder.path() + " is not a file.");
  EXPECT_EQ(writeWholeFile(folder.path(), "x").error().what, folder.path() + " is not a file.");
  const std::string pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(readWholeFile(pipe, 10).error().what, pipe + " is not a file.") << "and nobody waits for its other end";
  writeFile(folder / "large", std::string(2 << 20, 'x'));
  EXPECT_EQ(readWholeFile(folder / "large", 1 << 20).error().what, folder / "large" + " is larger than 1 MiB.");
}

}  // namespace
}  // namespace lemma::storage
