// Numbers of the SQLite file format, which are big-endian. Pure; the caller has checked that the bytes are there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace lemma::storage {

inline uint32_t readU16(std::span<const uint8_t> bytes, size_t at) { return uint32_t{bytes[at]} << 8 | bytes[at + 1]; }
inline uint32_t readU32(std::span<const uint8_t> bytes, size_t at) {
  return readU16(bytes, at) << 16 | readU16(bytes, at + 2);
}

}  // namespace lemma::storage
