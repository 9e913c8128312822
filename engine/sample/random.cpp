#include "engine/sample/random.h"

#include <bit>
#include <chrono>
#include <random>

namespace lemma {
namespace {
uint64_t splitmix(uint64_t& state) {
  uint64_t z = (state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}
}  // namespace

Random::Random(uint64_t seed) {
  for (uint64_t& s : state_) s = splitmix(seed);
}

uint64_t Random::next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

uint64_t chanceSeed() {
  uint64_t state = uint64_t(std::chrono::steady_clock::now().time_since_epoch().count());
  try {
    std::random_device device;
    state ^= uint64_t(device()) << 32 | device();
  } catch (const std::exception&) {
    // No source of randomness on this system: the clock alone must do, a seed is not a secret.
  }
  const uint64_t seed = splitmix(state) >> 11;
  return seed == 0 ? 1 : seed;
}

}  // namespace lemma
