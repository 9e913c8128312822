// An SQLite VFS over the default one that asks before every call on a file whether it may succeed.
// And tells who watches what was changed, as far as SQLite asked for it.
// Made by a test, registered under its name for its lifetime; the question is asked on the thread that uses the
// database, and may hold that thread up without holding up others.
#pragma once

#include <sqlite3.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace lemma::storage {

enum class FileCall { open, read, write, truncate, sync, lock, shmMap, remove };

struct FileChange {
  FileCall call;  // write, truncate (to `at` bytes), sync or remove
  std::string file;
  int64_t at = 0;
  std::string bytes;
};

class FaultVfs {
 public:
  using Watch = std::function<void(FileChange)>;
  // The SQLite error to fail with, or SQLITE_OK to let the call through. `file` ends in .db, -wal, -journal, .tmp...
  using Judge = std::function<int(FileCall call, const std::string& file)>;

  explicit FaultVfs(std::string name);
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  const std::string& name() const { return name_; }
  void judgeBy(Judge judge);  // any thread; nothing: everything succeeds
  int judge(FileCall call, const std::string& file);
  void watchBy(Watch watch) { watch_ = std::move(watch); }  // while nobody uses a file; it is called after the change
  bool isWatched() const { return bool(watch_); }
  void changed(FileChange change) { watch_(std::move(change)); }

 private:
  std::string name_;
  sqlite3_vfs vfs_{};
  std::mutex mutex_;
  std::shared_ptr<const Judge> judge_;
  Watch watch_;
};

}  // namespace lemma::storage
