// The safetensors parser over arbitrary bytes; tensors it accepts must fill the file to its end.
#include "engine/safetensors/safetensors.h"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto header = lemma::parseSafetensors({reinterpret_cast<const std::byte*>(data), size}, size);
  if (!header) return header.error().what.empty() ? (__builtin_trap(), 0) : 0;
  uint64_t at = header->headerBytes;
  for (const lemma::ModelTensor& tensor : header->tensors) {
    if (tensor.offset != at) __builtin_trap();
    at += tensor.bytes;
  }
  return at == size ? 0 : (__builtin_trap(), 0);
}
