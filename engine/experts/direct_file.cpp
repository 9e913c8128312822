#include "engine/experts/direct_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace lemma {

Result<DirectFile> DirectFile::open(const std::string& path, uint64_t bytes) {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;  // as it was mapped
  int descriptor = ::open(path.c_str(), kFlags | O_DIRECT);
  const bool direct = descriptor >= 0;
  if (!direct && errno == EINVAL) descriptor = ::open(path.c_str(), kFlags);
  if (descriptor < 0) {
    return fail(Err::unreadable, path + " cannot be opened: " + std::generic_category().message(errno));
  }
  DirectFile file(path, descriptor, direct);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || uint64_t(status.st_size) != bytes) {
    return fail(Err::truncated, path + " has changed since it was opened");
  }
  return file;
}

DirectFile::DirectFile(DirectFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), direct_(other.direct_) {}

DirectFile::~DirectFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void DirectFile::readThroughCache() {
  const int flags = ::fcntl(descriptor_, F_GETFL);
  if (flags >= 0) (void)::fcntl(descriptor_, F_SETFL, flags & ~O_DIRECT);
  direct_ = false;
}

void DirectFile::forget(uint64_t offset, uint64_t bytes) const {
  if (!direct_) (void)::posix_fadvise(descriptor_, off_t(offset), off_t(bytes), POSIX_FADV_DONTNEED);
}

}  // namespace lemma
