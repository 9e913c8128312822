#include "storage/instance_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

namespace lemma::storage {
namespace {

constexpr size_t kMostBytes = 4096;

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

}  // namespace

Result<std::optional<InstanceLock>> InstanceLock::acquire(const std::string& path, const std::string& socket) {
  const std::string text = std::to_string(::getpid()) + "\n" + socket + "\n";
  if (text.size() > kMostBytes) return fail(Err::tooLarge, "The path of the socket in " + path + " is too long.");
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (fd.get() < 0) {
    const bool denied = errno == EACCES || errno == EROFS || errno == EPERM;
    return fail(denied ? Err::readOnly : Err::io,
                "The lock file " + path + " cannot be opened: " + std::strerror(errno) + ".");
  }
  int locked;
  do locked = ::flock(fd.get(), LOCK_EX | LOCK_NB);
  while (locked != 0 && errno == EINTR);
  if (locked != 0) {
    if (errno == EWOULDBLOCK) return std::optional<InstanceLock>();
    return fail(Err::io, "The lock file " + path + " cannot be locked: " + std::strerror(errno) + ".");
  }
  // Who holds it is a courtesy: on a full disk the lock itself still counts.
  if (::ftruncate(fd.get(), 0) == 0 &&
      ::pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    (void)!::ftruncate(fd.get(), 0);
  return std::optional<InstanceLock>(InstanceLock(fd.release()));
}

std::optional<InstanceLock::Holder> InstanceLock::holder(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return std::nullopt;
  char buffer[kMostBytes];
  const ssize_t got = ::pread(fd.get(), buffer, sizeof buffer, 0);
  if (got <= 0) return std::nullopt;
  const std::string_view text(buffer, static_cast<size_t>(got));
  const size_t first = text.find('\n');
  const size_t second = first == text.npos ? text.npos : text.find('\n', first + 1);
  if (second == text.npos) return std::nullopt;  // still being written
  Holder holder;
  const auto [end, error] = std::from_chars(text.data(), text.data() + first, holder.pid);
  if (error != std::errc() || end != text.data() + first || holder.pid <= 0) return std::nullopt;
  holder.socket = text.substr(first + 1, second - first - 1);
  return holder;
}

InstanceLock& InstanceLock::operator=(InstanceLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

InstanceLock::~InstanceLock() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> ensureDataFolder(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code none;
  if (fs::is_directory(path, none)) return {};
  const fs::path parent = fs::path(path).parent_path();
  if (!parent.empty() && parent != path) STORE_CHECK(ensureDataFolder(parent.string()));
  if (::mkdir(path.c_str(), 0700) == 0 || (errno == EEXIST && fs::is_directory(path, none))) return {};
  const bool denied = errno == EACCES || errno == EROFS || errno == EPERM;
  return fail(denied ? Err::readOnly : Err::io,
              "The folder " + path + " cannot be made: " + std::strerror(errno) + ".");
}

}  // namespace lemma::storage
