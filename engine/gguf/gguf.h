// The header of a GGUF model file (versions 2 and 3, little endian): metadata and the table of tensors.
// Untrusted bytes end here: every length is checked against limits and against the bytes present before it is used.
// Values are views into the bytes that were parsed, which must outlive the header. Immutable, any thread.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/model_file/model_header.h"
#include "kernels/api/result.h"

namespace lemma {

struct GgufHeader : ModelHeader {
  uint32_t version = 0;
  uint32_t alignment = 32;
  uint64_t fileBytes = 0;
  uint64_t headerBytes = 0;  // end of the tensor table
  uint64_t dataOffset = 0;   // first byte of tensor data; fileBytes where there are no tensors
};

// `bytes` starts at the file's first byte and holds at least its header; fileBytes is the size of the whole file,
// against which tensor offsets are checked. Pure; allocates no more than a small multiple of the header's own size.
Result<GgufHeader> parseGguf(std::span<const std::byte> bytes, uint64_t fileBytes);
Result<GgufHeader> parseGguf(std::vector<std::byte>&& bytes, uint64_t fileBytes) = delete;  // values would dangle

namespace gguf_limits {
inline constexpr uint64_t kKeyValues = 65'536;
inline constexpr uint64_t kTensors = 65'536;
inline constexpr uint64_t kKeyBytes = 65'535;
inline constexpr uint64_t kTensorNameBytes = 512;
inline constexpr uint64_t kStringBytes = 64ull << 20;
inline constexpr uint64_t kArrayEntries = 16ull << 20;
inline constexpr uint64_t kMinAlignment = 8;
inline constexpr uint64_t kMaxAlignment = 1ull << 20;
}  // namespace gguf_limits

}  // namespace lemma
