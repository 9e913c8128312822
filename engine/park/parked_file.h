// A stretch of a conversation's cache as a file: which tokens it is of, and whole pages of keys and values. The bytes
// are foreign when they are read back: everything is checked against limits and checksums before it is used.
// Pure functions, any thread. Layout in parked_file.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/api/types.h"
#include "engine/memory/cache_shape.h"
#include "kernels/api/result.h"

namespace lemma {

struct ParkedHeader {
  CacheShape shape;
  int first = 0;              // position of the first page, whole pages; the file holds pages from there on
  std::vector<Token> tokens;  // from the conversation's first one to where the file ends
  std::vector<uint64_t> pageChecks;
  uint64_t dataOffset = 0, fileBytes = 0;

  int end() const { return int(tokens.size()); }
};

namespace parked_limits {
inline constexpr uint64_t kTokens = 1ull << 22;
inline constexpr uint64_t kPageTokens = 4096;
inline constexpr uint64_t kPageBytes = 1ull << 30;
inline constexpr uint64_t kFixedBytes = 112;  // in front of the tokens
}  // namespace parked_limits

uint64_t pageCheck(std::span<const std::byte> page);

// Everything in front of the pages. `header` says shape, first, tokens and pageChecks; the rest follows from them.
std::vector<std::byte> encodeParked(const ParkedHeader& header);

// Bytes in front of the pages, read out of a file's first kFixedBytes; the sizes in there are within the limits.
Result<uint64_t> parkedHeaderBytes(std::span<const std::byte> fixed);
// `bytes`: the file's beginning, all that parkedHeaderBytes() says. Err::badMagic, truncated, badValue, tooLarge with
// a sentence that names what is wrong.
Result<ParkedHeader> parseParked(std::span<const std::byte> bytes, uint64_t fileBytes);

}  // namespace lemma
