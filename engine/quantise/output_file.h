// A file that is written at offsets from several threads and gets its name when it is complete. Until then it is
// PATH.part. Owner: who writes the file; write() from any thread, the rest from the owner's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "kernels/api/result.h"

namespace lemma {

class OutputFile {
 public:
  // Opens PATH.part, empty or as it was left.
  static Result<OutputFile> open(const std::string& path, bool keepContent);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;

  static std::string partPath(const std::string& path) { return path + ".part"; }

  uint64_t size() const;
  Result<void> resize(uint64_t bytes);
  Result<void> write(uint64_t offset, std::span<const std::byte> bytes) const;
  Result<void> sync() const;    // what was written survives a loss of power
  Result<void> finish() const;  // sync, then the name

 private:
  OutputFile(std::string path, int handle) : path_(std::move(path)), handle_(handle) {}
  std::string path_;
  int handle_ = -1;
};

}  // namespace lemma
