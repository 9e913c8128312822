// Writes a float32 matrix as a NumPy file, row by row (format 1.0 of numpy.lib.format).
// Owner: a command. The file is taken away again unless finish() was reached.
#pragma once

#include <cstdio>
#include <memory>
#include <span>
#include <string>

#include "engine/api/types.h"

namespace lemma::cli {

class NpyWriter {
 public:
  static Result<NpyWriter> create(const std::string& path, size_t rows, size_t columns);
  ~NpyWriter();
  NpyWriter(NpyWriter&&) = default;

  Result<void> write(std::span<const float> values);
  Result<void> finish();

 private:
  NpyWriter(std::string path, std::FILE* file) : path_(std::move(path)), file_(file, std::fclose) {}
  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

}  // namespace lemma::cli
