#include "tests/storage/fault_vfs.h"

#include <memory>
#include <new>

namespace lemma::storage {
namespace {

struct Pass {
  FaultVfs* owner;
  sqlite3_vfs* real;
};

Pass& passOf(sqlite3_vfs* vfs) { return *static_cast<Pass*>(vfs->pAppData); }
sqlite3_vfs* realOf(sqlite3_vfs* vfs) { return passOf(vfs).real; }

// What SQLite holds for an open file; the real file's memory follows it.
struct File {
  sqlite3_file base;
  FaultVfs* owner;
  std::string* path;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File& fileOf(sqlite3_file* f) { return *reinterpret_cast<File*>(f); }
sqlite3_file* real(sqlite3_file* f) { return fileOf(f).real(); }

template <class Call>
int judged(sqlite3_file* f, FileCall kind, Call call) {
  const int rc = fileOf(f).owner->judge(kind, *fileOf(f).path);
  return rc == SQLITE_OK ? call(real(f)) : rc;
}

int closeFile(sqlite3_file* f) {
  const int rc = real(f)->pMethods ? real(f)->pMethods->xClose(real(f)) : SQLITE_OK;
  delete fileOf(f).path;
  return rc;
}
int readFile(sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
  return judged(f, FileCall::read, [=](sqlite3_file* r) { return r->pMethods->xRead(r, to, n, at); });
}
// Tells of a change that succeeded.
int told(sqlite3_file* f, int rc, FileCall call, int64_t at = 0, const void* from = nullptr, int n = 0) {
  FaultVfs& owner = *fileOf(f).owner;
  if (rc == SQLITE_OK && owner.isWatched())
    owner.changed({call, *fileOf(f).path, at, std::string(static_cast<const char*>(from), static_cast<size_t>(n))});
  return rc;
}
int writeFile(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  const int rc = judged(f, FileCall::write, [=](sqlite3_file* r) { return r->pMethods->xWrite(r, from, n, at); });
  return told(f, rc, FileCall::write, at, from, n);
}
int truncateFile(sqlite3_file* f, sqlite3_int64 size) {
  const int rc = judged(f, FileCall::truncate, [=](sqlite3_file* r) { return r->pMethods->xTruncate(r, size); });
  return told(f, rc, FileCall::truncate, size, "");
}
int syncFile(sqlite3_file* f, int flags) {
  const int rc = judged(f, FileCall::sync, [=](sqlite3_file* r) { return r->pMethods->xSync(r, flags); });
  return told(f, rc, FileCall::sync, 0, "");
}
int lockFile(sqlite3_file* f, int level) {
  return judged(f, FileCall::lock, [=](sqlite3_file* r) { return r->pMethods->xLock(r, level); });
}
int mapShm(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return judged(f, FileCall::shmMap, [=](sqlite3_file* r) { return r->pMethods->xShmMap(r, page, size, extend, out); });
}
int fileSize(sqlite3_file* f, sqlite3_int64* size) { return real(f)->pMethods->xFileSize(real(f), size); }
int unlockFile(sqlite3_file* f, int level) { return real(f)->pMethods->xUnlock(real(f), level); }
int checkReserved(sqlite3_file* f, int* out) { return real(f)->pMethods->xCheckReservedLock(real(f), out); }
int fileControl(sqlite3_file* f, int op, void* arg) { return real(f)->pMethods->xFileControl(real(f), op, arg); }
int sectorSize(sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); }
int characteristics(sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); }
int lockShm(sqlite3_file* f, int at, int n, int flags) { return real(f)->pMethods->xShmLock(real(f), at, n, flags); }
void barrierShm(sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); }
int unmapShm(sqlite3_file* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); }

constexpr sqlite3_io_methods kMethods = {.iVersion = 2,  // without memory mapping, which Lemma never turns on
                                         .xClose = closeFile,
                                         .xRead = readFile,
                                         .xWrite = writeFile,
                                         .xTruncate = truncateFile,
                                         .xSync = syncFile,
                                         .xFileSize = fileSize,
                                         .xLock = lockFile,
                                         .xUnlock = unlockFile,
                                         .xCheckReservedLock = checkReserved,
                                         .xFileControl = fileControl,
                                         .xSectorSize = sectorSize,
                                         .xDeviceCharacteristics = characteristics,
                                         .xShmMap = mapShm,
                                         .xShmLock = lockShm,
                                         .xShmBarrier = barrierShm,
                                         .xShmUnmap = unmapShm};

int openFile(sqlite3_vfs* vfs, const char* path, sqlite3_file* f, int flags, int* outFlags) {
  f->pMethods = nullptr;
  const std::string name = path ? path : "";
  if (const int rc = passOf(vfs).owner->judge(FileCall::open, name); rc != SQLITE_OK) return rc;
  sqlite3_file* inner = real(f);
  inner->pMethods = nullptr;
  const int rc = realOf(vfs)->xOpen(realOf(vfs), path, inner, flags, outFlags);
  if (rc != SQLITE_OK) {
    if (inner->pMethods) inner->pMethods->xClose(inner);
    return rc;
  }
  fileOf(f).owner = passOf(vfs).owner;
  fileOf(f).path = new std::string(name);
  f->pMethods = &kMethods;
  return SQLITE_OK;
}

int removeFile(sqlite3_vfs* vfs, const char* path, int syncFolder) {
  if (const int rc = passOf(vfs).owner->judge(FileCall::remove, path); rc != SQLITE_OK) return rc;
  const int rc = realOf(vfs)->xDelete(realOf(vfs), path, syncFolder);
  if (rc == SQLITE_OK && passOf(vfs).owner->isWatched()) passOf(vfs).owner->changed({FileCall::remove, path, 0, {}});
  return rc;
}

}  // namespace

FaultVfs::FaultVfs(std::string name) : name_(std::move(name)) {
  sqlite3_vfs* real = sqlite3_vfs_find(nullptr);
  vfs_ = *real;  // what is not replaced here needs no file and goes straight to the real one
  vfs_.iVersion = 2;
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + real->szOsFile;
  vfs_.pNext = nullptr;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = new Pass{this, real};
  vfs_.xOpen = openFile;
  vfs_.xDelete = removeFile;
  vfs_.xAccess = [](sqlite3_vfs* v, const char* p, int flags, int* out) {
    return realOf(v)->xAccess(realOf(v), p, flags, out);
  };
  vfs_.xFullPathname = [](sqlite3_vfs* v, const char* p, int n, char* out) {
    return realOf(v)->xFullPathname(realOf(v), p, n, out);
  };
  sqlite3_vfs_register(&vfs_, 0);
}

FaultVfs::~FaultVfs() {
  sqlite3_vfs_unregister(&vfs_);
  delete &passOf(&vfs_);
}

void FaultVfs::judgeBy(Judge judge) {
  std::lock_guard lock(mutex_);
  judge_ = judge ? std::make_shared<const Judge>(std::move(judge)) : nullptr;
}

int FaultVfs::judge(FileCall call, const std::string& file) {
  std::shared_ptr<const Judge> now;
  {
    std::lock_guard lock(mutex_);
    now = judge_;
  }
  return now ? (*now)(call, file) : SQLITE_OK;
}

}  // namespace lemma::storage
