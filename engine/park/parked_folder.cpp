#include "engine/park/parked_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "engine/model_file/content_id.h"

namespace lemma {
namespace {

constexpr size_t kHashDigits = 16, kNameBytes = 3 * kHashDigits + 2 + 3;
constexpr std::string_view kEnding = ".kv", kUnfinished = ".part";
constexpr int64_t kStaleNs = 3600ll * 1'000'000'000;

bool isOurs(std::string_view name) {
  if (name.size() != kNameBytes || !name.ends_with(kEnding)) return false;
  for (size_t i = 0; i < kNameBytes - kEnding.size(); ++i) {
    const bool dash = i == kHashDigits || i == 2 * kHashDigits + 1;
    const bool digit = (name[i] >= '0' && name[i] <= '9') || (name[i] >= 'a' && name[i] <= 'f');
    if (dash ? name[i] != '-' : !digit) return false;
  }
  return true;
}

bool isUnfinished(std::string_view name) {
  return name.size() > kNameBytes && name.ends_with(kUnfinished) && isOurs(name.substr(0, kNameBytes));
}

std::string pathOf(const std::string& folder, const std::string& name) { return folder + "/" + name; }

std::string conversationPart(std::string_view conversation) {
  return hashOf("conversation:" + std::string(conversation)).substr(0, kHashDigits);
}

tl::unexpected<Error> refused(const std::string& what, const std::string& path) {
  return fail(errno == ENOENT ? Err::notFound : Err::unreadable, what + " " + path + ": " + std::strerror(errno));
}

Result<void> readAt(int handle, uint64_t offset, std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t n = pread(handle, out.data(), out.size(), off_t(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Err::unreadable, std::string("it cannot be read: ") + std::strerror(errno));
    if (n == 0) return fail(Err::truncated, "it ends too early");
    out = out.subspan(size_t(n));
    offset += uint64_t(n);
  }
  return {};
}

// Calls visit(name) for every entry of the folder.
template <class Visit>
void eachEntry(const std::string& folder, Visit visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder.c_str()), closedir);
  if (!dir) return;
  while (const dirent* entry = readdir(dir.get())) visit(std::string(entry->d_name));
}

}  // namespace

Result<void> makeParkedFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), error);
  if (mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) return refused("cannot make the folder", folder);
  if (chmod(folder.c_str(), S_IRWXU) != 0) return refused("cannot use the folder", folder);
  return {};
}

std::string parkedName(const CacheShape& shape, std::span<const Token> tokens, int first,
                       std::string_view conversation) {
  const auto bytes = std::as_bytes(tokens);
  std::string stretch = shape.identity + " " + std::to_string(first) + " ";
  stretch.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return shape.identity.substr(0, kHashDigits) + "-" + hashOf(stretch).substr(0, kHashDigits) + "-" +
         conversationPart(conversation) + std::string(kEnding);
}

bool isOfShape(const std::string& name, const CacheShape& shape) {
  return name.starts_with(shape.identity.substr(0, kHashDigits));
}

bool isOfConversation(const std::string& name, std::string_view conversation) {
  return name.substr(2 * kHashDigits + 2, kHashDigits) == conversationPart(conversation);
}

std::vector<ParkedFile> listParked(const std::string& folder) {
  std::vector<ParkedFile> files;
  const int64_t now = int64_t(std::time(nullptr)) * 1'000'000'000;
  eachEntry(folder, [&](const std::string& name) {
    struct stat s {};
    if (!isOurs(name) && !isUnfinished(name)) return;
    if (lstat(pathOf(folder, name).c_str(), &s) != 0 || !S_ISREG(s.st_mode)) return;
    const int64_t used = int64_t(s.st_mtim.tv_sec) * 1'000'000'000 + s.st_mtim.tv_nsec;
    if (isOurs(name)) {
      files.push_back({name, uint64_t(s.st_size), used});
    } else if (now - used > kStaleNs) {
      removeParked(folder, name);
    }
  });
  std::ranges::sort(files, [](const ParkedFile& a, const ParkedFile& b) {
    return std::pair(a.usedNs, a.name) < std::pair(b.usedNs, b.name);
  });
  return files;
}

void removeParked(const std::string& folder, const std::string& name) { unlink(pathOf(folder, name).c_str()); }

void clearParked(const std::string& folder) {
  eachEntry(folder, [&](const std::string& name) {
    if (isOurs(name) || isUnfinished(name)) removeParked(folder, name);
  });
}

void forgetParked(const std::string& folder, std::string_view conversation) {
  eachEntry(folder, [&](const std::string& name) {
    if ((isOurs(name) || isUnfinished(name)) && isOfConversation(name, conversation)) removeParked(folder, name);
  });
}

Result<ParkedReader> ParkedReader::open(const std::string& folder, const std::string& name) {
  const std::string path = pathOf(folder, name);
  ParkedReader reader(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (reader.handle_ < 0) return refused("cannot open", path);
  struct stat s {};
  if (fstat(reader.handle_, &s) != 0 || !S_ISREG(s.st_mode)) return fail(Err::badValue, "it is no file");
  const auto size = uint64_t(s.st_size);
  std::vector<std::byte> bytes(std::min(size, parked_limits::kFixedBytes));
  LEMMA_CHECK(readAt(reader.handle_, 0, bytes));
  LEMMA_TRY(headerBytes, parkedHeaderBytes(bytes));
  if (headerBytes > size) return fail(Err::truncated, "it ends within its header");
  bytes.resize(headerBytes);
  LEMMA_CHECK(readAt(reader.handle_, 0, bytes));
  LEMMA_TRY(header, parseParked(bytes, size));
  reader.header_ = std::move(header);
  return reader;
}

ParkedReader::ParkedReader(ParkedReader&& other) noexcept
    : handle_(std::exchange(other.handle_, -1)), header_(std::move(other.header_)) {}

ParkedReader& ParkedReader::operator=(ParkedReader&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(header_, other.header_);
  return *this;
}

ParkedReader::~ParkedReader() {
  if (handle_ >= 0) close(handle_);
}

Result<void> ParkedReader::page(int index, std::span<std::byte> out) const {
  LEMMA_CHECK(readAt(handle_, header_.dataOffset + uint64_t(index) * header_.shape.pageBytes, out));
  if (pageCheck(out) != header_.pageChecks[size_t(index)])
    return fail(Err::badValue, "the checksum of its page " + std::to_string(index) + " is wrong");
  return {};
}

void ParkedReader::markUsed() const { futimens(handle_, nullptr); }

Result<void> writeParked(const std::string& folder, const std::string& name, std::span<const std::byte> header,
                         std::span<const std::byte> pages, const std::function<bool()>& goesOn) {
  constexpr size_t kPiece = size_t(4) << 20;
  static std::atomic<uint64_t> counter{0};
  const std::string part =
      name + "." + std::to_string(getpid()) + "." + std::to_string(++counter) + std::string(kUnfinished);
  const std::string path = pathOf(folder, part);
  const int handle = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (handle < 0) return refused("cannot write", path);
  const auto write = [&]() -> Result<void> {
    for (std::span<const std::byte> rest : {header, pages}) {
      while (!rest.empty()) {
        if (!goesOn()) return fail(Err::cancelled, "writing " + path + " was cut short");
        const ssize_t n = ::write(handle, rest.data(), std::min(rest.size(), kPiece));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return refused("cannot write", path);
        rest = rest.subspan(size_t(n));
      }
    }
    return {};
  };
  Result<void> done = write();
  // Without fsync: after a power cut the checksums tell what did not reach the disk.
  if (close(handle) != 0 && done) done = refused("cannot write", path);
  if (done && rename(path.c_str(), pathOf(folder, name).c_str()) != 0) done = refused("cannot rename", path);
  if (!done) removeParked(folder, part);
  return done;
}

uint64_t bytesFree(const std::string& folder) {
  struct statvfs s {};
  return statvfs(folder.c_str(), &s) == 0 ? uint64_t(s.f_bavail) * uint64_t(s.f_frsize) : 0;
}

}  // namespace lemma
