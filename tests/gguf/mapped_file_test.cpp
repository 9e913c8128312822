// Mapped files that cannot be read any more: zeros instead of a signal, and whoever asks is told.
#include "engine/model_file/mapped_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace lemma::test {
namespace {

constexpr size_t kPage = 4096, kBytes = 64 * kPage;

std::string fileIn(const TemporaryFolder& folder, const std::string& name) {
  const std::string path = folder / name;
  std::ofstream(path, std::ios::binary) << std::string(kBytes, 'x');
  return path;
}

bool all(std::span<const std::byte> bytes, char c) {
  return std::ranges::all_of(bytes, [c](std::byte b) { return b == std::byte(c); });
}

TEST(MappedFile, cutOffWhileMappedReadsZeros) {
  const TemporaryFolder folder;
  const std::string path = fileIn(folder, "cut");
  const auto file = *MappedFile::open(path), other = *MappedFile::open(fileIn(folder, "whole"));
  EXPECT_TRUE(file->intact());
  ASSERT_EQ(::truncate(path.c_str(), off_t(3 * kPage)), 0);
  EXPECT_TRUE(all(file->bytes().first(3 * kPage), 'x'));
  EXPECT_FALSE(file->intact()) << "before anybody reads what is missing";
  EXPECT_TRUE(all(file->bytes().subspan(3 * kPage), '\0'));
  EXPECT_FALSE(file->intact());
  EXPECT_TRUE(all(file->bytes().first(3 * kPage), 'x'));
  EXPECT_TRUE(all(other->bytes(), 'x'));
  EXPECT_TRUE(other->intact());
}

double shareInMemory(const MappedFile& file) {
  std::vector<unsigned char> pages((file.bytes().size() + kPage - 1) / kPage);
  EXPECT_EQ(::mincore(const_cast<std::byte*>(file.bytes().data()), file.bytes().size(), pages.data()), 0);
  return double(std::ranges::count_if(pages, [](unsigned char p) { return (p & 1) != 0; })) / double(pages.size());
}

TEST(MappedFile, fetchReadsAllOfItPieceByPiece) {
  const TemporaryFolder folder;
  const std::string path = folder / "large";
  constexpr uint64_t kSize = 2 * MappedFile::kFetchBytes + 3 * kPage + 5;
  std::ofstream(path, std::ios::binary) << std::string(kSize, 'x');
  const int out = ::open(path.c_str(), O_RDWR);
  ASSERT_EQ(::fsync(out), 0);
  ASSERT_EQ(::posix_fadvise(out, 0, 0, POSIX_FADV_DONTNEED), 0);
  ::close(out);
  const auto file = *MappedFile::open(path);
  const double before = shareInMemory(*file);  // 1 on a file system that is memory
  std::vector<uint64_t> pieces;
  const auto read = file->fetch([&](uint64_t bytes) -> Result<void> {
    pieces.push_back(bytes);
    return {};
  });
  EXPECT_TRUE(read);
  EXPECT_EQ(pieces, (std::vector<uint64_t>{MappedFile::kFetchBytes, MappedFile::kFetchBytes, 3 * kPage + 5}));
  EXPECT_EQ(shareInMemory(*file), 1) << "before: " << before;
  RecordProperty("percentBefore", int(before * 100));
}

TEST(MappedFile, fetchEndsWithItsCallersError) {
  const TemporaryFolder folder;
  const auto file = *MappedFile::open(fileIn(folder, "whole"));
  const auto stopped = file->fetch([](uint64_t) -> Result<void> { return fail(Err::cancelled, "enough"); });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().what, "enough");
}

TEST(MappedFile, fetchOfWhatIsGoneEndsAndIsTold) {
  const TemporaryFolder folder;
  const std::string path = fileIn(folder, "cut");
  const auto file = *MappedFile::open(path);
  ASSERT_EQ(::truncate(path.c_str(), off_t(3 * kPage)), 0);
  EXPECT_TRUE(file->fetch([](uint64_t) -> Result<void> { return {}; }));
  EXPECT_FALSE(file->intact());
}

TEST(MappedFile, cutOffWithinItsLastPage) {  // no signal comes of it
  const TemporaryFolder folder;
  const std::string path = fileIn(folder, "cut");
  const auto file = *MappedFile::open(path);
  ASSERT_EQ(::truncate(path.c_str(), off_t(kBytes - 100)), 0);
  EXPECT_TRUE(all(file->bytes().last(100), '\0'));
  ASSERT_FALSE(file->intact());
  EXPECT_NE(file->intact().error().what.find(path), std::string::npos) << file->intact().error().what;
}

TEST(MappedFile, cutOffUnderManyReaders) {
  const TemporaryFolder folder;
  const std::string path = fileIn(folder, "cut");
  const auto file = *MappedFile::open(path);
  ASSERT_EQ(::truncate(path.c_str(), 0), 0);
  std::vector<std::jthread> readers;
  std::atomic<int> zeros{0};
  for (size_t t = 0; t < 4; ++t) {
    readers.emplace_back([&, t] { zeros += all(file->bytes().subspan(t * 16 * kPage, 16 * kPage), '\0'); });
  }
  readers.clear();
  EXPECT_EQ(zeros, 4);
  EXPECT_FALSE(file->intact());
}

TEST(MappedFile, nameThatIsGoneOrAnotherFilesChangesNothing) {
  const TemporaryFolder folder;
  const std::string path = fileIn(folder, "a");
  const auto file = *MappedFile::open(path);
  std::filesystem::rename(fileIn(folder, "b"), path);
  std::filesystem::remove(path);
  EXPECT_TRUE(all(file->bytes(), 'x'));
  EXPECT_TRUE(file->intact());
}

TEST(MappedFile, anotherFileInItsPlaceIsWhole) {
  const TemporaryFolder folder;
  const std::string cut = fileIn(folder, "cut"), whole = fileIn(folder, "whole");
  for (int i = 0; i < 3; ++i) {
    std::ofstream(cut, std::ios::binary) << std::string(kBytes, 'x');
    auto file = *MappedFile::open(cut);
    ASSERT_EQ(::truncate(cut.c_str(), 0), 0);
    EXPECT_TRUE(all(file->bytes(), '\0'));
    file.reset();  // its place in memory and in the table is free again
    const auto next = *MappedFile::open(whole);
    EXPECT_TRUE(all(next->bytes(), 'x'));
    EXPECT_TRUE(next->intact());
  }
}

TEST(MappedFile, tooManyAtOnceAreRefused) {
  const TemporaryFolder folder;
  const std::string path = fileIn(folder, "one");
  std::vector<std::shared_ptr<MappedFile>> files;
  for (;;) {
    auto file = MappedFile::open(path);
    if (!file) {
      EXPECT_TRUE(file.error().what.starts_with(path + " cannot be opened: "))
          << file.error().what;  // by us or the system
      break;
    }
    files.push_back(std::move(*file));
    ASSERT_LE(files.size(), 4096u);
  }
  files.pop_back();
  EXPECT_TRUE(MappedFile::open(path));
}

// A fault elsewhere ends the program as before, and so does a signal that somebody sends.
TEST(MappedFileDeathTest, otherBusErrorsAreNotSwallowed) {
  const TemporaryFolder folder;
  const auto file = *MappedFile::open(fileIn(folder, "one"));
  EXPECT_DEATH(::raise(SIGBUS), "");
  const std::string path = fileIn(folder, "other");
  const int descriptor = ::open(path.c_str(), O_RDONLY);
  const auto* const other =
      static_cast<const volatile char*>(::mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, descriptor, 0));
  ::close(descriptor);
  ASSERT_EQ(::truncate(path.c_str(), 0), 0);
  EXPECT_DEATH((void)other[kPage], "");
  ::munmap(const_cast<char*>(other), kBytes);
}

}  // namespace
}  // namespace lemma::test
