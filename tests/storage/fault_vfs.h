// An SQLite VFS over the default one that asks before every call on a file whether it may succeed.
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

class FaultVfs {
 public:
  // The SQLite error to fail with, or SQLITE_OK to let the call through. `file` ends in .db, -wal, -journal, .tmp...
  using Judge = std::function<int(FileCall call, const std::string& file)>;

  explicit FaultVfs(std::string name);
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  const std::string& name() const { return name_; }
  void judgeBy(Judge judge);  // any thread; nothing: everything succeeds
  int judge(FileCall call, const std::string& file);

 private:
  std::string name_;
  sqlite3_vfs vfs_{};
  std::mutex mutex_;
  std::shared_ptr<const Judge> judge_;
};

}  // namespace lemma::storage
