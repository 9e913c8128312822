#include "storage/checkpointer.h"

#include <optional>
#include <utility>

#include "storage/sqlite/db.h"

namespace lemma::storage {
namespace {

Result<void> checkpoint(std::optional<Db>& db, const std::string& path, const std::string& vfs) {
  if (!db) {
    STORE_TRY(opened, Db::open(path, OpenMode::readWrite, vfs));
    STORE_CHECK(opened.exec("PRAGMA synchronous=FULL"));
    db = std::move(opened);
  }
  // A connection knows of the log only once it has read; PASSIVE waits for nobody and holds nobody up.
  return db->exec("SELECT count(*) FROM sqlite_schema; PRAGMA wal_checkpoint(PASSIVE)");
}

}  // namespace

Checkpointer::Checkpointer(std::string path, std::string vfs)
    : path_(std::move(path)), vfs_(std::move(vfs)), thread_([this] { run(); }) {}

Checkpointer::~Checkpointer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Checkpointer::want(bool checkpoint) {
  std::lock_guard lock(mutex_);
  wanted_ = checkpoint;
  wake_.notify_one();
}

void Checkpointer::run() {
  std::optional<Db> db;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return wanted_ || stopping_; });
    if (stopping_) return;
    wanted_ = false;
    lock.unlock();
    // One that fails loses nothing, as the log keeps what it holds: the next begins anew with a fresh connection, and a
    // disk that stays broken fails the writer's next change, which has somebody to tell.
    if (!checkpoint(db, path_, vfs_)) db.reset();
    lock.lock();
  }
}

}  // namespace lemma::storage
