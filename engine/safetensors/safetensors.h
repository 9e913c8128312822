// The header of a safetensors file: a length, a JSON object of tensors, then their bytes without gaps.
// Untrusted bytes end here: lengths, depth, names, shapes and places are checked before anything is made of them.
// Pure functions, any thread. Format: https://github.com/huggingface/safetensors
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/model_file/model_header.h"
#include "kernels/api/result.h"

namespace lemma {

struct SafetensorsHeader {
  std::vector<ModelTensor> tensors;  // in the order of their bytes; ne[0] runs fastest: the shape as written, reversed
  uint64_t headerBytes = 0;          // end of the JSON, the first byte of tensor data
};

// `bytes` starts at the file's first byte and holds at least its header; fileBytes is the size of the whole file,
// which the tensors must fill to the end. A scalar has one dimension of 1.
Result<SafetensorsHeader> parseSafetensors(std::span<const std::byte> bytes, uint64_t fileBytes);

namespace safetensors_limits {
inline constexpr uint64_t kHeaderBytes = 100'000'000;  // as the format's own reader allows
inline constexpr uint64_t kTensors = 262'144;
inline constexpr uint64_t kNameBytes = 512;
}  // namespace safetensors_limits

}  // namespace lemma
