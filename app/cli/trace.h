// Writes what happens during an answer as JSON lines: {"t_ms": since the start, "event": ..., ...}.
// Owner: a command, on its own thread.
#pragma once

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "app/cli/input.h"
#include "engine/api/types.h"

namespace lemma::cli {

class Trace {
 public:
  static Result<Trace> open(const std::string& path);
  void write(const std::string& event, Json fields);
  void write(const StreamEvent& event);
  Result<void> close();  // the errors of all writes

 private:
  Trace(std::string path, std::FILE* file) : path_(std::move(path)), file_(file, std::fclose) {}
  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

Json toJson(const Finished& finished);
std::string_view name(PartKind kind);

}  // namespace lemma::cli
