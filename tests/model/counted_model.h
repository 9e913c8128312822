// Models of tests/goldens/models: every number of a weight is a counter's hash, so golden.json says the whole file.
// make_arch_goldens.py makes the same numbers for the implementation that the logits are of. Test code only.
#pragma once

#include <bit>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/quant/half.h"
#include "tests/support/gguf_writer.h"

namespace lemma::test {

inline uint64_t hashOfCounter(uint64_t seed, uint64_t i) {  // splitmix64
  uint64_t z = ((seed << 32) + i) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// offset - scale <= x < offset + scale
inline std::vector<std::byte> countedFloats(uint64_t seed, uint64_t count, float scale, float offset) {
  std::vector<std::byte> out(count * sizeof(float));
  for (uint64_t i = 0; i < count; ++i) {
    const float unit = float(int32_t(hashOfCounter(seed, i) >> 40) - (1 << 23)) * 0x1p-23f;
    const float x = unit * scale + offset;
    std::memcpy(out.data() + i * sizeof(float), &x, sizeof(float));
  }
  return out;
}

// The same, rounded to BF16.
inline std::vector<std::byte> countedBfloats(uint64_t seed, uint64_t count, float scale, float offset) {
  const auto floats = countedFloats(seed, count, scale, offset);
  std::vector<std::byte> out(count * sizeof(Bfloat));
  typeInfo(Type::BF16)->encode(reinterpret_cast<const float*>(floats.data()), out.data(), int64_t(count));
  return out;
}

// Bytes of F8_E4M3, evenly spread over its range: the exponent is that of 15 random bits.
inline std::vector<std::byte> countedEights(uint64_t seed, uint64_t count) {
  std::vector<std::byte> out(count);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t z = hashOfCounter(seed, i);
    uint64_t code = uint64_t(std::bit_width(z >> 49)) << 3 | (z & 7);
    if (code == 127) --code;  // which is no number
    out[i] = std::byte(code | (z >> 8 & 1) << 7);
  }
  return out;
}

// Blocks of 32 values in 17 bytes: the scale, 2^exponent or twice that, then 16 bytes of two values each.
inline std::vector<std::byte> countedMxfp4(uint64_t seed, uint64_t count, int exponent) {
  std::vector<std::byte> out(count / 32 * 17);
  for (uint64_t i = 0; i < out.size(); ++i) {
    const uint64_t byte = hashOfCounter(seed, i) >> 56;
    out[i] = std::byte(i % 17 == 0 ? uint64_t(127 + exponent) + (byte >> 7) : byte);
  }
  return out;
}

inline GgufWriter countedModel(const nlohmann::json& golden) {
  GgufWriter w;
  w.str("general.architecture", golden["architecture"].get<std::string>());
  for (const auto& [key, value] : golden["metadata"].items()) {
    if (value.is_boolean()) {
      w.boolean(key, value.get<bool>());
    } else if (value.is_string()) {
      w.str(key, value.get<std::string>());
    } else if (value.is_number_integer()) {
      w.u32(key, value.get<uint32_t>());
    } else {
      w.f32(key, value.get<float>());
    }
  }
  for (const auto& t : golden["tensors"]) {
    const auto ne = t["ne"].get<std::vector<uint64_t>>();
    const uint64_t count = std::accumulate(ne.begin(), ne.end(), uint64_t(1), std::multiplies<>());
    const auto name = t["name"].get<std::string>();
    const auto seed = t["seed"].get<uint64_t>();
    if (t["type"] == "MXFP4") {
      w.tensor(name, Type::MXFP4, ne, countedMxfp4(seed, count, t["exponent"].get<int>()));
    } else if (t["type"] == "BF16") {
      auto bytes = countedBfloats(seed, count, t["scale"].get<float>(), t["offset"].get<float>());
      if (ne.size() > 1) {
        w.tensor(name, Type::BF16, ne, std::move(bytes));
        continue;
      }
      std::vector<float> values(count);  // vectors are F32 in GGUF
      typeInfo(Type::BF16)->decode(bytes.data(), values.data(), int64_t(count));
      w.tensor(name, ne, values);
    } else {
      w.tensor(name, Type::F32, ne, countedFloats(seed, count, t["scale"].get<float>(), t["offset"].get<float>()));
    }
  }
  return w;
}

}  // namespace lemma::test
