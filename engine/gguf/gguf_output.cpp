#include "engine/gguf/gguf_output.h"

#include <algorithm>

namespace lemma {
namespace {

void appendBytes(std::vector<std::byte>& out, std::span<const std::byte> bytes) {
  const size_t at = out.size();
  out.resize(at + bytes.size());
  std::copy(bytes.begin(), bytes.end(), out.begin() + ptrdiff_t(at));
}

template <class T>
void append(std::vector<std::byte>& out, T value) {
  appendBytes(out, std::as_bytes(std::span(&value, 1)));
}

void appendText(std::vector<std::byte>& out, std::string_view text) {
  append(out, uint64_t(text.size()));
  appendBytes(out, std::as_bytes(std::span(text.data(), text.size())));
}

uint64_t alignedUp(uint64_t value, uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }

}  // namespace

void GgufOutput::begin(std::string_view key, GgufType type) {
  ++keyValues_;
  appendText(kv_, key);
  append(kv_, uint32_t(type));
}

void GgufOutput::copy(std::string_view key, const GgufValue& value) {
  begin(key, value.type());
  if (value.type() == GgufType::array) {
    append(kv_, uint32_t(value.elementType()));
    append(kv_, value.count());
  } else if (value.type() == GgufType::string) {
    append(kv_, uint64_t(value.raw().size()));
  }
  appendBytes(kv_, value.raw());
}

void GgufOutput::u32(std::string_view key, uint32_t value) {
  begin(key, GgufType::u32);
  append(kv_, value);
}

void GgufOutput::text(std::string_view key, std::string_view value) {
  begin(key, GgufType::string);
  appendText(kv_, value);
}

void GgufOutput::texts(std::string_view key, std::span<const std::string> values) {
  begin(key, GgufType::array);
  append(kv_, uint32_t(GgufType::string));
  append(kv_, uint64_t(values.size()));
  for (const std::string& value : values) appendText(kv_, value);
}

void GgufOutput::tensor(std::string_view name, Type type, int rank, const std::array<int64_t, 4>& ne) {
  const uint64_t bytes = rowBytes(type, ne[0]).value_or(0) * uint64_t(ne[1]) * uint64_t(ne[2]) * uint64_t(ne[3]);
  tensors_.push_back({std::string(name), type, rank, ne, bytes});
}

GgufOutput::Layout GgufOutput::layout(uint32_t alignment) const {
  Layout out;
  std::vector<std::byte>& h = out.header;
  appendBytes(h, std::as_bytes(std::span("GGUF", 4)));
  append(h, uint32_t(3));
  append(h, uint64_t(tensors_.size()));
  append(h, keyValues_);
  appendBytes(h, kv_);
  uint64_t offset = 0;
  for (const Tensor& t : tensors_) {
    appendText(h, t.name);
    append(h, uint32_t(t.rank));
    for (int i = 0; i < t.rank; ++i) append(h, uint64_t(t.ne[size_t(i)]));
    append(h, uint32_t(t.type));
    append(h, offset);
    out.offsets.push_back(offset);
    out.bytes.push_back(t.bytes);
    offset += alignedUp(t.bytes, alignment);
  }
  if (!tensors_.empty()) h.resize(alignedUp(h.size(), alignment));
  for (uint64_t& at : out.offsets) at += h.size();
  out.fileBytes = h.size() + offset;
  return out;
}

}  // namespace lemma
