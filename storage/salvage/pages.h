// The pages of a database file that SQLite no longer reads, with what its write-ahead log holds laid over them.
// Owner: salvage(); one thread. Reads through SQLite's file layer; nobody may have the database open meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "storage/result.h"

namespace lemma::storage {

class PageFile {
 public:
  // A file that is missing counts as empty; `vfs`: empty = SQLite's own.
  static Result<PageFile> open(const std::string& path, const std::string& vfs, bool withLog);

  uint32_t pageSize() const { return pageSize_; }
  uint32_t count() const { return count_; }  // pages are 1 to count()

  // The page as of the last commit; what a file that was cut off lacks reads as zeros. `page`: pageSize() bytes.
  Result<void> read(uint32_t number, std::span<uint8_t> page) const;

 private:
  class File;
  struct CloseFile {
    void operator()(File* file) const;
  };
  using FilePtr = std::unique_ptr<File, CloseFile>;

  static Result<FilePtr> openFile(const std::string& path, const std::string& vfs, int type);
  Result<void> readLog();
  Result<void> choosePageSize();

  FilePtr main_, log_;
  uint32_t pageSize_ = 0, count_ = 0;
  std::map<uint32_t, uint64_t> inLog_;  // page -> where its newest committed bytes lie in the log
};

}  // namespace lemma::storage
