// Moves the write-ahead log into the database on a thread and a connection of its own, so that who writes never waits
// for the disk in a checkpoint: SQLite lets commits append to the log meanwhile.
// Owner: StorageThread, on its thread; it ends before the Store does.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace lemma::storage {

class Checkpointer {
 public:
  Checkpointer(std::string path, std::string vfs);  // of a database in WAL mode; opened for the first one
  ~Checkpointer();                                  // waits for a checkpoint that is under way
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // Never waits. True: one checkpoint, after the one that is under way if there is one; false: none that has not begun.
  void want(bool checkpoint);

 private:
  void run();

  const std::string path_, vfs_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool wanted_ = false, stopping_ = false;
  std::thread thread_;  // last: starts when everything above is ready
};

}  // namespace lemma::storage
