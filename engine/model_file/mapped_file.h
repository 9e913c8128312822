// A whole file mapped read-only. Shared between everything that reads from it; unmapped by the last owner.
// Any thread. The bytes are the file's own pages. Where they cannot be read any more, because another program cut the
// file off, its disk or its server is gone, a SIGBUS handler puts zeros in their place instead of ending the program,
// and the mapping counts as broken: whoever computes with it asks afterwards, and throws the result away.
#pragma once

#include <cstddef>
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

  // Whether zeros stand for bytes of the mapping that begins with `first`, and whether they do in any mapping that was
  // ever made: one atomic load, false for nearly every program.
  static bool broken(const std::byte* first);
  static bool anyBroken();

 private:
  MappedFile(std::span<const std::byte> bytes, int entry) : bytes_(bytes), entry_(entry) {}
  std::span<const std::byte> bytes_;
  const int entry_;  // in the table of the handler
};

}  // namespace lemma
