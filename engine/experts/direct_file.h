// A file that is read past the system's page cache, so that what is read once does not push out what is read always.
// Owner: the ExpertCache; read by its thread.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/api/result.h"

namespace lemma {

class DirectFile {
 public:
  // Reads begin and end at multiples of this, in the file and in memory.
  static constexpr uint64_t kAlignment = 4096;

  // `bytes` is what the file must still have.
  static Result<DirectFile> open(const std::string& path, uint64_t bytes);
  ~DirectFile();
  DirectFile(DirectFile&& other) noexcept;
  DirectFile& operator=(DirectFile&&) = delete;

  int descriptor() const { return descriptor_; }
  const std::string& path() const { return path_; }
  bool direct() const { return direct_; }
  // From now on through the page cache, for a file system or a device that takes no direct reads of this kind.
  void readThroughCache();
  // Through the cache: it need not keep this.
  void forget(uint64_t offset, uint64_t bytes) const;

 private:
  DirectFile(std::string path, int descriptor, bool direct)
      : path_(std::move(path)), descriptor_(descriptor), direct_(direct) {}

  std::string path_;
  int descriptor_ = -1;
  bool direct_ = false;
};

}  // namespace lemma
