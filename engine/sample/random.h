// The sampler's own random numbers: xoshiro256** (Blackman and Vigna, 2018) seeded by splitmix64.
// A seed gives the same numbers on every machine and with every standard library. Pure value, one owner.
#pragma once

#include <array>
#include <cstdint>

namespace lemma {

class Random {
 public:
  explicit Random(uint64_t seed);
  uint64_t next();
  // In [0, 1), a multiple of 2^-53.
  double uniform() { return double(next() >> 11) * 0x1p-53; }

 private:
  std::array<uint64_t, 4> state_;
};

// A seed by chance: from 1 to 2^53 - 1, so that it survives JSON.
uint64_t chanceSeed();

}  // namespace lemma
