// One running Lemma for each data folder. The lock ends with the process, however it ends.
// Owner: the composition root holds it for its whole life; one thread. Beside the database, never on it: closing any
// handle of the database's own file would drop SQLite's locks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "storage/result.h"

namespace lemma::storage {

class InstanceLock {
 public:
  struct Holder {
    int64_t pid = 0;
    std::string socket;  // where it can be asked to raise its window; may be empty
    bool operator==(const Holder&) const = default;
  };

  // Nothing when another process (or another lock in this one) holds it. The file stays when the lock ends.
  static Result<std::optional<InstanceLock>> acquire(const std::string& path, const std::string& socket);
  // Who holds it, as far as it has said so yet.
  static std::optional<Holder> holder(const std::string& path);

  InstanceLock(InstanceLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  InstanceLock& operator=(InstanceLock&& other) noexcept;
  ~InstanceLock();

 private:
  explicit InstanceLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

// Makes the folder, and those above it, for this person alone (0700) where they are missing.
Result<void> ensureDataFolder(const std::string& path);

}  // namespace lemma::storage
