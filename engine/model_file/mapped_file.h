// A whole file mapped read-only. Shared between everything that reads from it; unmapped by the last owner.
// Any thread. The bytes are the file's own pages. Where they cannot be read any more, because another program cut the
// file off, its disk or its server is gone, a SIGBUS handler puts zeros in their place instead of ending the program:
// whoever computes with them asks intact() afterwards, and throws the result away if it is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "kernels/api/result.h"

namespace lemma {

class MappedFile {
 public:
  // notFound, unreadable (a folder, no permission, too many at once, ...) or truncated (an empty file); the sentence
  // names the path.
  static Result<std::shared_ptr<MappedFile>> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

  // Reads what is not in memory yet, in the order of the file, as fast as the disk gives it; onPiece(bytes) after each
  // piece of kFetchBytes, in memory or not, whose error ends it. What cannot be read is left to intact().
  Result<void> fetch(const std::function<Result<void>(uint64_t bytes)>& onPiece) const;
  static constexpr uint64_t kFetchBytes = 16 << 20;

  // truncated where the file is shorter than it was, or some of it could not be read. One system call. A file that was
  // written over in place is not noticed.
  Result<void> intact() const;

 private:
  MappedFile(std::string path, std::span<const std::byte> bytes, int descriptor, int entry);
  const std::string path_;
  const std::span<const std::byte> bytes_;
  const int descriptor_;  // whose size is asked for
  const int entry_;       // in the table of the handler
};

}  // namespace lemma
