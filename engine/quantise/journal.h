// What of a file in the making is done: PATH.part.log, a line that says what the work is and a line for each count of
// tensors that are complete on disk. Owner: quantise(); one thread.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "kernels/api/result.h"

namespace lemma {

class Journal {
 public:
  // Complete tensors of the same work, at most `most`; 0 where there is no log, or one of other work.
  static uint64_t completeTensors(const std::string& path, const std::string& work, uint64_t most);
  // Starts the log anew with what is complete already.
  static Result<Journal> start(const std::string& path, const std::string& work, uint64_t complete);

  Result<void> complete(uint64_t tensors);
  void remove();

 private:
  Journal(std::string path, std::FILE* file) : path_(std::move(path)), file_(file, std::fclose) {}
  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

}  // namespace lemma
