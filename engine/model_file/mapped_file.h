// A whole file mapped read-only. Shared between everything that reads from it; unmapped by the last owner.
// Any thread. The bytes are the file's own pages: another program that truncates the file makes reads fault.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "kernels/api/result.h"

namespace lemma {

class MappedFile {
 public:
  // notFound, unreadable (a folder, no permission, ...) or truncated (an empty file); the sentence names the path.
  static Result<std::shared_ptr<MappedFile>> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
};

}  // namespace lemma
