#include "engine/model_file/mapped_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

namespace lemma {
namespace {

tl::unexpected<Error> refused(const std::string& path, int error) {
  const Err code = error == ENOENT || error == ENOTDIR ? Err::notFound : Err::unreadable;
  return fail(code, path + " cannot be opened: " + std::generic_category().message(error));
}

// The mappings there are, for the handler: it may come at any instruction of any thread, so it only loads and stores
// atomics and calls the kernel.
struct Entry {
  std::atomic<uint32_t> version{0};  // odd while the two below change
  std::atomic<uintptr_t> begin{0};   // 0 = free
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> broken{false};

  void set(uintptr_t from, uintptr_t to) {  // with tableMutex
    version.fetch_add(1, std::memory_order_seq_cst);
    begin.store(from, std::memory_order_seq_cst);
    end.store(to, std::memory_order_seq_cst);
    version.fetch_add(1, std::memory_order_seq_cst);
  }
  // The end of this mapping where it holds the address, else 0. One whose bytes somebody reads does not change, so what
  // changes meanwhile is another.
  uintptr_t endIfHolds(uintptr_t address) const {
    const uint32_t first = version.load(std::memory_order_seq_cst);
    const uintptr_t from = begin.load(std::memory_order_seq_cst), to = end.load(std::memory_order_seq_cst);
    const bool same = first % 2 == 0 && version.load(std::memory_order_seq_cst) == first;
    return same && from != 0 && address >= from && address < to ? to : 0;
  }
};
constexpr size_t kMostFiles = 4096;  // R1 has 163
constinit std::array<Entry, kMostFiles> entries;
constinit std::atomic<int> used{0};  // entries from here on were never taken
constinit std::mutex tableMutex;     // of those who take and free entries
struct sigaction earlier {};         // who had the signal before us

// Zeros from the page of `address` to the end of its mapping, since what lies behind the first page that is missing is
// missing as a rule: one call, and no page of memory. False where no mapping of ours has the address.
bool mapZeros(uintptr_t address) {
  static const auto page = uintptr_t(::sysconf(_SC_PAGESIZE));
  const int count = used.load(std::memory_order_acquire);
  for (int i = 0; i < count; ++i) {
    Entry& e = entries[size_t(i)];
    const uintptr_t end = e.endIfHolds(address);
    if (end == 0) continue;
    const uintptr_t from = address / page * page;
    e.broken.store(true, std::memory_order_release);
    return ::mmap(reinterpret_cast<void*>(from), end - from, PROT_READ,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
  }
  return false;
}

void onBusError(int number, siginfo_t* info, void* context) {
  const int error = errno;
  const bool ours = info->si_code > 0 && mapZeros(reinterpret_cast<uintptr_t>(info->si_addr));
  errno = error;
  if (ours) return;  // the instruction is run again
  if ((earlier.sa_flags & SA_SIGINFO) != 0) return earlier.sa_sigaction(number, info, context);
  if (earlier.sa_handler != SIG_DFL && earlier.sa_handler != SIG_IGN) return earlier.sa_handler(number);
  const bool sent = info->si_code <= 0;  // by somebody, and not by a fault
  if (sent && earlier.sa_handler == SIG_IGN) return;
  ::signal(SIGBUS, SIG_DFL);  // a fault comes again, and nobody stands in its way
  if (sent) ::raise(number);
}

void installHandler() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction ours {};
    ours.sa_sigaction = onBusError;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    (void)mapZeros(0);  // what it initialises at its first call is initialised here
    ::sigaction(SIGBUS, &ours, &earlier);
  });
}

// -1 = the table is full.
int takeEntry(std::span<const std::byte> bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(bytes.data());
  const std::lock_guard lock(tableMutex);
  for (int i = 0; i < int(kMostFiles); ++i) {
    Entry& e = entries[size_t(i)];
    if (e.begin.load(std::memory_order_relaxed) != 0) continue;
    e.broken.store(false, std::memory_order_relaxed);
    e.set(begin, begin + bytes.size());
    if (i >= used.load(std::memory_order_relaxed)) used.store(i + 1, std::memory_order_release);
    return i;
  }
  return -1;
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  int release() { return std::exchange(fd, -1); }
};

}  // namespace

Result<std::shared_ptr<MappedFile>> MappedFile::open(const std::string& path) {
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};  // a FIFO must not block us
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
  const std::span bytes{static_cast<const std::byte*>(start), size};
  installHandler();
  const int entry = takeEntry(bytes);
  if (entry < 0) {
    ::munmap(start, size);
    return fail(Err::unreadable, path + " cannot be opened: " + std::to_string(kMostFiles) + " files are open already");
  }
  return std::shared_ptr<MappedFile>(new MappedFile(path, bytes, file.release(), entry));
}

MappedFile::MappedFile(std::string path, std::span<const std::byte> bytes, int descriptor, int entry)
    : path_(std::move(path)), bytes_(bytes), descriptor_(descriptor), entry_(entry) {}

MappedFile::~MappedFile() {
  {
    const std::lock_guard lock(tableMutex);
    entries[size_t(entry_)].set(0, 0);
  }
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  ::close(descriptor_);
}

Result<void> MappedFile::fetch(const std::function<Result<void>(uint64_t bytes)>& onPiece) const {
  std::byte* const start = const_cast<std::byte*>(bytes_.data());  // only asked about and read
  const auto piece = [&](uint64_t at) { return size_t(std::min<uint64_t>(kFetchBytes, bytes_.size() - at)); };
  const auto ask = [&](uint64_t at) {  // begins to read, waits for nothing
    if (at < bytes_.size()) (void)::madvise(start + at, piece(at), MADV_WILLNEED);
  };
  std::vector<unsigned char> inMemory(kFetchBytes / size_t(::sysconf(_SC_PAGESIZE)) + 1);
  for (uint64_t at = 0; at < bytes_.size(); at += kFetchBytes) {
    const bool known = ::mincore(start + at, piece(at), inMemory.data()) == 0;
    const size_t pages = (piece(at) - 1) / size_t(::sysconf(_SC_PAGESIZE)) + 1;
    if (!known || std::any_of(inMemory.begin(), inMemory.begin() + ptrdiff_t(pages),
                              [](unsigned char page) { return (page & 1) == 0; })) {
      ask(at);
      ask(at + kFetchBytes);  // the disk has the next piece to do while this one is waited for
      (void)::madvise(start + at, piece(at), MADV_POPULATE_READ);  // Linux 5.14; before, the reading goes on behind us
    }
    LEMMA_CHECK(onPiece(piece(at)));
  }
  return {};
}

Result<void> MappedFile::intact() const {
  // Asked as well: what is missing of the last page reads as zeros without a signal.
  struct stat status {};
  const bool whole = ::fstat(descriptor_, &status) == 0 && status.st_size >= off_t(bytes_.size());
  if (whole && !entries[size_t(entry_)].broken.load(std::memory_order_acquire)) return {};
  return fail(
      Err::truncated,
      path_ + " has become shorter, or cannot be read any more, while its model was in use; load the model again");
}

}  // namespace lemma
