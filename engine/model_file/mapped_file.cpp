#include "engine/model_file/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace lemma {
namespace {

tl::unexpected<Error> refused(const std::string& path, int error) {
  const Err code = error == ENOENT || error == ENOTDIR ? Err::notFound : Err::unreadable;
  return fail(code, path + " cannot be opened: " + std::generic_category().message(error));
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

Result<std::shared_ptr<MappedFile>> MappedFile::open(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};  // a FIFO must not block us
  if (file.fd < 0) return refused(path, errno);
  struct stat status {};
  if (::fstat(file.fd, &status) != 0) return refused(path, errno);
  if (!S_ISREG(status.st_mode)) return fail(Err::unreadable, path + " is not a file");
  if (status.st_size == 0) return fail(Err::truncated, path + " is empty");
  const size_t size = size_t(status.st_size);
  void* start = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd, 0);
  if (start == MAP_FAILED) return refused(path, errno);
  // What is not in memory yet is then read into large pages, where the file system has them: weights are read a third
  // faster through them. Without them nothing is lost, so the answer does not matter.
  (void)::madvise(start, size, MADV_HUGEPAGE);
  return std::shared_ptr<MappedFile>(new MappedFile({static_cast<const std::byte*>(start), size}));
}

MappedFile::~MappedFile() { ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); }

}  // namespace lemma
