#include "storage/flush.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace lemma::storage {
namespace {

Result<void> flush(const std::string& path, int openFlags) {
  const int fd = ::open(path.c_str(), openFlags | O_CLOEXEC);
  const bool done = fd >= 0 && ::fsync(fd) == 0;
  const int why = errno;
  if (fd >= 0) ::close(fd);
  if (!done) return fail(Err::io, path + " could not be written to the disk: " + std::strerror(why) + ".");
  return {};
}

}  // namespace

Result<void> flushFile(const std::string& path) { return flush(path, O_RDONLY); }

Result<void> flushFolderOf(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  return flush(folder.empty() ? "." : folder.string(), O_RDONLY | O_DIRECTORY);
}

}  // namespace lemma::storage
