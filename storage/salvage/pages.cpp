#include "storage/salvage/pages.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "storage/salvage/bytes.h"

namespace lemma::storage {
namespace {

constexpr uint32_t kUsualPageSize = 4096;  // of every database that Lemma makes
constexpr uint32_t kSampledPages = 256;
constexpr uint64_t kLogHeader = 32, kFrameHeader = 24;
constexpr char kMagic[] = "SQLite format 3";  // with its zero byte

bool isPageSize(uint64_t size) { return size >= 512 && size <= 65536 && (size & (size - 1)) == 0; }

// Begins like a page of a b-tree: kind, number of cells and where they begin fit each other.
bool isPlausible(std::span<const uint8_t> page) {
  if (page[0] != 2 && page[0] != 5 && page[0] != 10 && page[0] != 13) return false;
  const uint32_t cells = readU16(page, 3), content = readU16(page, 5);
  return cells > 0 && (page[0] < 8 ? 12 : 8) + 2 * cells <= content && content < page.size();
}

struct LogSum {
  bool bigEndian;
  uint32_t a = 0, b = 0;
  void add(std::span<const uint8_t> bytes) {
    for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      a += word(bytes, i) + b;
      b += word(bytes, i + 4) + a;
    }
  }
  uint32_t word(std::span<const uint8_t> bytes, size_t at) const {
    const uint32_t value = readU32(bytes, at);
    return bigEndian ? value : __builtin_bswap32(value);
  }
};

}  // namespace

class PageFile::File {
 public:
  std::string path;
  uint64_t size = 0;

  int open(sqlite3_vfs& vfs, int type) {
    name_ = sqlite3_create_filename(path.c_str(), "", "", 0, nullptr);
    memory_ = static_cast<sqlite3_file*>(sqlite3_malloc(vfs.szOsFile));
    if (!name_ || !memory_) return SQLITE_NOMEM;
    std::memset(memory_, 0, static_cast<size_t>(vfs.szOsFile));
    if (const int rc = vfs.xOpen(&vfs, name_, memory_, SQLITE_OPEN_READONLY | type, nullptr); rc != SQLITE_OK)
      return rc;
    sqlite3_int64 bytes = 0;
    const int rc = memory_->pMethods->xFileSize(memory_, &bytes);
    size = bytes > 0 ? static_cast<uint64_t>(bytes) : 0;
    return rc;
  }
  Result<void> read(uint64_t at, std::span<uint8_t> into) const {
    if (at > size || into.size() > size - at) {
      std::fill(into.begin(), into.end(), uint8_t{0});
      if (at >= size) return {};
    }
    const size_t there = static_cast<size_t>(std::min<uint64_t>(into.size(), size - at));
    const int rc = memory_->pMethods->xRead(memory_, into.data(), static_cast<int>(there), static_cast<int64_t>(at));
    if (rc == SQLITE_OK) return {};
    return fail(Err::io, "The disk reported an error while " + path + " was read (" + sqlite3_errstr(rc) + ").");
  }
  ~File() {
    if (memory_ && memory_->pMethods) memory_->pMethods->xClose(memory_);
    sqlite3_free(memory_);
    sqlite3_free_filename(name_);
  }

 private:
  const char* name_ = nullptr;
  sqlite3_file* memory_ = nullptr;
};

void PageFile::CloseFile::operator()(File* file) const { delete file; }

// Nothing where there is no such file.
Result<PageFile::FilePtr> PageFile::openFile(const std::string& path, const std::string& vfs, int type) {
  sqlite3_vfs* layer = sqlite3_vfs_find(vfs.empty() ? nullptr : vfs.c_str());
  if (!layer) return fail(Err::internal, "There is no file layer named " + vfs + ".");
  int exists = 0;
  layer->xAccess(layer, path.c_str(), SQLITE_ACCESS_EXISTS, &exists);
  if (!exists) return FilePtr();
  FilePtr file(new File());
  file->path = path;
  const int rc = file->open(*layer, type);
  if (rc == SQLITE_NOMEM) return fail(Err::outOfMemory, "There is not enough memory to read " + path + ".");
  if (rc != SQLITE_OK) return fail(Err::io, path + " cannot be read (" + sqlite3_errstr(rc) + ").");
  return file;
}

Result<PageFile> PageFile::open(const std::string& path, const std::string& vfs, bool withLog) {
  PageFile pages;
  STORE_TRY(main, openFile(path, vfs, SQLITE_OPEN_MAIN_DB));
  STORE_TRY(log, openFile(path + "-wal", vfs, SQLITE_OPEN_WAL));
  pages.main_ = std::move(main);
  pages.log_ = std::move(log);
  STORE_CHECK(pages.choosePageSize());
  const uint64_t bytes = pages.main_ ? pages.main_->size : 0;
  pages.count_ = static_cast<uint32_t>(std::min<uint64_t>((bytes + pages.pageSize_ - 1) / pages.pageSize_, 0xfffffffe));
  if (withLog) STORE_CHECK(pages.readLog());
  return pages;
}

// The header may be what is damaged, so it is believed only where more of the pages look like pages then.
Result<void> PageFile::choosePageSize() {
  pageSize_ = kUsualPageSize;
  if (!main_) return {};
  uint8_t header[100];
  STORE_CHECK(main_->read(0, header));
  const uint32_t raw = readU16(header, 16);
  const uint32_t said = raw == 1 ? 65536 : raw;
  if (std::memcmp(header, kMagic, sizeof kMagic) != 0 || !isPageSize(said) || said == kUsualPageSize) return {};
  double best = -1;
  for (const uint32_t size : {kUsualPageSize, said}) {
    std::vector<uint8_t> page(size);
    const uint64_t all = main_->size / size;
    const uint64_t step = std::max<uint64_t>(1, all / kSampledPages);
    int looked = 0, plausible = 0;
    for (uint64_t n = 1; n < all; n += step) {  // the first begins with the header
      STORE_CHECK(main_->read(n * size, page));
      ++looked;
      plausible += isPlausible(page);
    }
    const double share = looked ? double(plausible) / looked : 0;
    if (share > best) {
      best = share;
      pageSize_ = size;
    }
  }
  return {};
}

// As SQLite does: frames count as long as salts and running checksums agree, and up to the last commit among them.
Result<void> PageFile::readLog() {
  if (!log_ || log_->size < kLogHeader) return {};
  uint8_t header[kLogHeader];
  STORE_CHECK(log_->read(0, header));
  const uint32_t magic = readU32(header, 0);
  if ((magic & ~1u) != 0x377f0682) return {};
  LogSum sum{.bigEndian = (magic & 1) != 0};
  sum.add(std::span(header).first(24));
  if (sum.a != readU32(header, 24) || sum.b != readU32(header, 28)) return {};
  const uint32_t size = readU32(header, 8);
  if (!isPageSize(size)) return {};
  if (size != pageSize_) {
    if (main_ && main_->size > 0) return {};
    pageSize_ = size;
  }
  std::map<uint32_t, uint64_t> open;  // of the transaction that is read
  std::vector<uint8_t> frame(kFrameHeader + size);
  for (uint64_t at = kLogHeader; at + frame.size() <= log_->size; at += frame.size()) {
    STORE_CHECK(log_->read(at, frame));
    if (std::memcmp(frame.data() + 8, header + 16, 8) != 0) return {};
    sum.add(std::span(frame).first(8));
    sum.add(std::span(frame).subspan(kFrameHeader));
    if (sum.a != readU32(frame, 16) || sum.b != readU32(frame, 20)) return {};
    const uint32_t number = readU32(frame, 0), pagesAfterCommit = readU32(frame, 4);
    if (number == 0) return {};
    open[number] = at + kFrameHeader;
    if (pagesAfterCommit == 0) continue;
    for (const auto& [page, where] : open) inLog_[page] = where;
    open.clear();
    if (!inLog_.empty()) count_ = std::max(count_, inLog_.rbegin()->first);
  }
  return {};
}

Result<void> PageFile::read(uint32_t number, std::span<uint8_t> page) const {
  if (const auto found = inLog_.find(number); found != inLog_.end()) return log_->read(found->second, page);
  if (main_) return main_->read(uint64_t(number - 1) * pageSize_, page);
  std::fill(page.begin(), page.end(), uint8_t{0});
  return {};
}

}  // namespace lemma::storage
