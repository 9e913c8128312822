// Arithmetic on sizes that come from a file: an overflow is an empty optional, never a wrapped number.
// Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>

namespace lemma {

inline std::optional<uint64_t> checkedAdd(uint64_t a, uint64_t b) {
  uint64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

inline std::optional<uint64_t> checkedMul(uint64_t a, uint64_t b) {
  uint64_t product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// The next multiple of `alignment` (a power of two) at or above `value`.
inline std::optional<uint64_t> checkedAlignUp(uint64_t value, uint64_t alignment) {
  const auto sum = checkedAdd(value, alignment - 1);
  if (!sum) return std::nullopt;
  return *sum & ~(alignment - 1);
}

}  // namespace lemma
