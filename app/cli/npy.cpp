#include "app/cli/npy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

namespace lemma::cli {

static_assert(std::endian::native == std::endian::little, "the header says <f4");

Result<NpyWriter> NpyWriter::create(const std::string& path, size_t rows, size_t columns) {
  NpyWriter writer(path, std::fopen(path.c_str(), "wb"));
  if (!writer.file_) return fail(Err::unreadable, "Cannot write " + path + ": " + std::strerror(errno) + ".");
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                       std::to_string(columns) + "), }";
  // Magic, version, length and header fill whole 64 bytes; the header ends with a newline.
  header.append(63 - (10 + header.size()) % 64, ' ').push_back('\n');
  std::string start("\x93NUMPY\x01\x00", 8);
  start += char(header.size() & 255);
  start += char(header.size() >> 8);
  start += header;
  if (std::fwrite(start.data(), 1, start.size(), writer.file_.get()) != start.size()) {
    return fail(Err::internal, "Cannot write " + path + ": " + std::strerror(errno) + ".");
  }
  return writer;
}

NpyWriter::~NpyWriter() {
  struct stat status {};
  if (file_ && fstat(fileno(file_.get()), &status) == 0 && S_ISREG(status.st_mode)) unlink(path_.c_str());
}

Result<void> NpyWriter::write(std::span<const float> values) {
  if (std::fwrite(values.data(), sizeof(float), values.size(), file_.get()) != values.size()) {
    return fail(Err::internal, "Cannot write " + path_ + ": " + std::strerror(errno) + ".");
  }
  return {};
}

Result<void> NpyWriter::finish() {
  if (std::fflush(file_.get()) != 0) {
    return fail(Err::internal, "Cannot write " + path_ + ": " + std::strerror(errno) + ".");
  }
  file_.reset();
  return {};
}

}  // namespace lemma::cli
