#include "engine/quantise/journal.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>

namespace lemma {
namespace {

std::string logPath(const std::string& path) { return path + ".part.log"; }

}  // namespace

uint64_t Journal::completeTensors(const std::string& path, const std::string& work, uint64_t most) {
  std::ifstream in(logPath(path), std::ios::binary);
  std::string line;
  if (!std::getline(in, line) || line != work) return 0;
  uint64_t complete = 0;
  while (std::getline(in, line) && !in.eof()) {  // a line without its end was cut short by the kill
    uint64_t n = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), n);
    if (error != std::errc() || end != line.data() + line.size() || n > most || n < complete) return 0;
    complete = n;
  }
  return complete;
}

Result<Journal> Journal::start(const std::string& path, const std::string& work, uint64_t complete) {
  std::FILE* file = std::fopen(logPath(path).c_str(), "wb");
  if (!file) return fail(Err::unreadable, "cannot write " + logPath(path) + ": " + std::strerror(errno));
  Journal journal(path, file);
  if (std::fprintf(file, "%s\n", work.c_str()) < 0) {
    return fail(Err::unreadable, "cannot write " + logPath(path) + ": " + std::strerror(errno));
  }
  LEMMA_CHECK(journal.complete(complete));
  return journal;
}

Result<void> Journal::complete(uint64_t tensors) {
  std::FILE* file = file_.get();
  if (std::fprintf(file, "%llu\n", static_cast<unsigned long long>(tensors)) < 0 || std::fflush(file) != 0 ||
      fdatasync(fileno(file)) != 0) {
    return fail(Err::unreadable, "cannot write " + logPath(path_) + ": " + std::strerror(errno));
  }
  return {};
}

void Journal::remove() { std::remove(logPath(path_).c_str()); }

}  // namespace lemma
