// The GGUF parser over arbitrary bytes; every value that it accepts is then read in every way.
#include "engine/gguf/gguf.h"

#include <cstdint>
#include <map>

#include "engine/model_file/content_id.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto header = lemma::parseGguf(bytes, size);
  if (!header) return header.error().what.empty() ? (__builtin_trap(), 0) : 0;
  for (const auto& [key, value] : header->kv) {
    if (header->find(key) != &value) __builtin_trap();
    value.asU64(), value.asI64(), value.asF64(), value.asBool(), value.asString();
    value.asI32Array(), value.asU64Array(), value.asF32Array(), value.asBoolArray();
    size_t total = 0;
    if (const auto strings = value.asStringArray()) {
      for (const std::string_view s : *strings) total += s.size();
    }
    if (total > size) __builtin_trap();
  }
  std::map<uint64_t, uint64_t> places;
  for (const auto& tensor : header->tensors) {
    if (tensor.offset > size || tensor.bytes > size - tensor.offset) __builtin_trap();
    if ((tensor.offset - header->dataOffset) % header->alignment != 0) __builtin_trap();
    places[tensor.offset] = tensor.offset + tensor.bytes;
  }
  if (places.size() != header->tensors.size()) __builtin_trap();
  uint64_t end = 0;
  for (const auto& [from, to] : places) {
    if (from < end) __builtin_trap();
    end = to;
  }
  return lemma::contentId({{bytes.first(header->headerBytes), header->fileBytes}}).size() == 32 ? 0
                                                                                                : (__builtin_trap(), 0);
}
