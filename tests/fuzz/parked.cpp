// The header of a parked conversation over arbitrary bytes: what is accepted must fill the file to its end.
#include <algorithm>

#include "engine/park/parked_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto headerBytes =
      lemma::parkedHeaderBytes(bytes.first(std::min<size_t>(size, lemma::parked_limits::kFixedBytes)));
  const auto header = lemma::parseParked(bytes, size);
  if (!header) return header.error().what.empty() ? (__builtin_trap(), 0) : 0;
  if (!headerBytes || *headerBytes != header->dataOffset) __builtin_trap();
  if (header->dataOffset + header->pageChecks.size() * header->shape.pageBytes != size) __builtin_trap();
  for (size_t page = 0; page < header->pageChecks.size(); ++page)
    lemma::pageCheck(bytes.subspan(header->dataOffset + page * header->shape.pageBytes, header->shape.pageBytes));
  return 0;
}
