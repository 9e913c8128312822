#include "storage/export/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "storage/flush.h"

namespace lemma::storage {
namespace {

class OpenFile {
 public:
  explicit OpenFile(int fd) : fd_(fd) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

tl::unexpected<Error> cannot(const std::string& path, const char* what) {
  const Err code = errno == ENOENT ? Err::notFound : errno == ENOSPC || errno == EDQUOT ? Err::diskFull : Err::io;
  return fail(code, path + " could not be " + what + ": " + std::strerror(errno) + ".");
}

bool writeAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(done));
  }
  return ::fsync(fd) == 0;
}

}  // namespace

Result<std::string> readWholeFile(const std::string& path, size_t most) {
  // Without waiting for the other end of a pipe.
  const OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat about {};
  if (file.fd() < 0 || ::fstat(file.fd(), &about) != 0) return cannot(path, "read");
  if (!S_ISREG(about.st_mode)) return fail(Err::badValue, path + " is not a file.");
  if (static_cast<uint64_t>(about.st_size) > most)
    return fail(Err::tooLarge, path + " is larger than " + std::to_string(most >> 20) + " MiB.");
  std::string bytes(static_cast<size_t>(about.st_size), '\0');
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::read(file.fd(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot(path, "read");
    if (got == 0) break;  // it became shorter meanwhile
    have += static_cast<size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

Result<void> writeWholeFile(const std::string& path, std::string_view bytes) {
  std::error_code none;
  const auto target = std::filesystem::canonical(path, none);
  const std::string last = none ? path : target.string();
  if (std::filesystem::exists(last, none) && !std::filesystem::is_regular_file(last, none))
    return fail(Err::badValue, path + " is not a file.");
  std::string draft = last + ".XXXXXX";
  const OpenFile file(::mkostemp(draft.data(), O_CLOEXEC));
  if (file.fd() < 0) return cannot(path, "written");
  if (!writeAll(file.fd(), bytes) || ::rename(draft.c_str(), last.c_str()) != 0) {
    auto failure = cannot(path, "written");
    ::unlink(draft.c_str());
    return failure;
  }
  return flushFolderOf(last);
}

}  // namespace lemma::storage
