#include "engine/quantise/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace lemma {
namespace {

tl::unexpected<Error> refused(const std::string& what, const std::string& path) {
  const bool full = errno == ENOSPC || errno == EDQUOT;
  return fail(full ? Err::internal : Err::unreadable, what + " " + path + ": " + std::strerror(errno));
}

}  // namespace

Result<OutputFile> OutputFile::open(const std::string& path, bool keepContent) {
  const std::string part = partPath(path);
  const int handle = ::open(part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | (keepContent ? 0 : O_TRUNC), 0666);
  if (handle < 0) return refused("cannot write", part);
  return OutputFile(path, handle);
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)), handle_(std::exchange(other.handle_, -1)) {}

OutputFile::~OutputFile() {
  if (handle_ >= 0) close(handle_);
}

uint64_t OutputFile::size() const {
  struct stat status {};
  return fstat(handle_, &status) == 0 ? uint64_t(status.st_size) : 0;
}

Result<void> OutputFile::resize(uint64_t bytes) {
  if (ftruncate(handle_, off_t(bytes)) != 0) return refused("cannot resize", partPath(path_));
  return {};
}

Result<void> OutputFile::write(uint64_t offset, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = pwrite(handle_, bytes.data(), bytes.size(), off_t(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return refused("cannot write", partPath(path_));
    bytes = bytes.subspan(size_t(n));
    offset += uint64_t(n);
  }
  return {};
}

Result<void> OutputFile::sync() const {
  if (fdatasync(handle_) != 0) return refused("cannot write", partPath(path_));
  return {};
}

Result<void> OutputFile::finish() const {
  LEMMA_CHECK(sync());
  if (std::rename(partPath(path_).c_str(), path_.c_str()) != 0) return refused("cannot rename to", path_);
  return {};
}

}  // namespace lemma
