// Writes small GGUF files for tests: GgufWriter for right ones, RawBytes for files broken on purpose.
// Used by the tests of the parser, the tokenizer, the models and the commands. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/gguf/gguf.h"
#include "kernels/api/type.h"

namespace lemma {

struct RawBytes {
  std::vector<std::byte> bytes;

  template <class T>
  RawBytes& le(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    bytes.insert(bytes.end(), from, from + sizeof(T));
    return *this;
  }
  RawBytes& u32(uint32_t value) { return le(value); }
  RawBytes& u64(uint64_t value) { return le(value); }
  RawBytes& raw(std::string_view text) {
    const auto* from = reinterpret_cast<const std::byte*>(text.data());
    bytes.insert(bytes.end(), from, from + text.size());
    return *this;
  }
  RawBytes& raw(const std::vector<std::byte>& more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
    return *this;
  }
  RawBytes& str(std::string_view text) { return u64(text.size()).raw(text); }
  RawBytes& header(uint64_t tensors, uint64_t keyValues, uint32_t version = 3) {
    return raw("GGUF").u32(version).u64(tensors).u64(keyValues);
  }
  RawBytes& key(std::string_view name, GgufType type) { return str(name).u32(uint32_t(type)); }
  RawBytes& array(std::string_view name, GgufType element, uint64_t count) {
    return key(name, GgufType::array).u32(uint32_t(element)).u64(count);
  }
  RawBytes& tensor(std::string_view name, const std::vector<uint64_t>& ne, uint32_t type, uint64_t offset) {
    str(name).u32(uint32_t(ne.size()));
    for (const uint64_t n : ne) u64(n);
    return u32(type).u64(offset);
  }
  RawBytes& pad(size_t alignment = 32) {
    while (bytes.size() % alignment != 0) bytes.push_back(std::byte{0});
    return *this;
  }
  RawBytes& zeros(size_t count) {
    bytes.resize(bytes.size() + count);
    return *this;
  }
};

class GgufWriter {
 public:
  GgufWriter& u32(std::string_view key, uint32_t v) { return scalar(key, GgufType::u32, v); }
  GgufWriter& i32(std::string_view key, int32_t v) { return scalar(key, GgufType::i32, v); }
  GgufWriter& u64(std::string_view key, uint64_t v) { return scalar(key, GgufType::u64, v); }
  GgufWriter& f32(std::string_view key, float v) { return scalar(key, GgufType::f32, v); }
  GgufWriter& boolean(std::string_view key, bool v) { return scalar(key, GgufType::boolean, uint8_t(v)); }
  GgufWriter& str(std::string_view key, std::string_view v) {
    begin(key, GgufType::string).str(v);
    return *this;
  }
  template <class Strings>
  GgufWriter& strings(std::string_view key, const Strings& values) {
    beginArray(key, GgufType::string, values.size());
    for (const auto& v : values) kv_.str(v);
    return *this;
  }
  GgufWriter& i32s(std::string_view key, const std::vector<int32_t>& v) { return numbers(key, GgufType::i32, v); }
  GgufWriter& u32s(std::string_view key, const std::vector<uint32_t>& v) { return numbers(key, GgufType::u32, v); }
  GgufWriter& u8s(std::string_view key, const std::vector<uint8_t>& v) { return numbers(key, GgufType::u8, v); }
  GgufWriter& f32s(std::string_view key, const std::vector<float>& v) { return numbers(key, GgufType::f32, v); }
  GgufWriter& alignment(uint32_t v) {
    alignment_ = v;
    return u32("general.alignment", v);
  }
  // `data` in the type's own layout; ne[0] runs fastest.
  GgufWriter& tensor(std::string_view name, Type type, std::vector<uint64_t> ne, std::vector<std::byte> data) {
    tensors_.push_back({std::string(name), type, std::move(ne), std::move(data)});
    return *this;
  }
  GgufWriter& tensor(std::string_view name, std::vector<uint64_t> ne, const std::vector<float>& data) {
    std::vector<std::byte> raw(data.size() * sizeof(float));
    std::memcpy(raw.data(), data.data(), raw.size());
    return tensor(name, Type::F32, std::move(ne), std::move(raw));
  }

  std::vector<std::byte> bytes(uint32_t version = 3) const {
    RawBytes out;
    out.header(tensors_.size(), keyValues_, version).raw(kv_.bytes);
    uint64_t offset = 0;
    for (const Tensor& t : tensors_) {
      out.tensor(t.name, t.ne, uint32_t(t.type), offset);
      offset += (t.data.size() + alignment_ - 1) / alignment_ * alignment_;
    }
    if (tensors_.empty()) return std::move(out.bytes);
    for (const Tensor& t : tensors_) out.pad(alignment_).raw(t.data);
    return std::move(out.pad(alignment_).bytes);
  }
  bool write(const std::string& path) const {
    const auto all = bytes();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(all.data()), std::streamsize(all.size()));
    return bool(file.flush());
  }

 private:
  struct Tensor {
    std::string name;
    Type type;
    std::vector<uint64_t> ne;
    std::vector<std::byte> data;
  };
  RawBytes& begin(std::string_view key, GgufType type) {
    ++keyValues_;
    return kv_.key(key, type);
  }
  RawBytes& beginArray(std::string_view key, GgufType element, uint64_t count) {
    ++keyValues_;
    return kv_.array(key, element, count);
  }
  template <class T>
  GgufWriter& scalar(std::string_view key, GgufType type, T v) {
    begin(key, type).le(v);
    return *this;
  }
  template <class T>
  GgufWriter& numbers(std::string_view key, GgufType element, const std::vector<T>& values) {
    beginArray(key, element, values.size());
    for (const T v : values) kv_.le(v);
    return *this;
  }

  RawBytes kv_;
  uint64_t keyValues_ = 0;
  uint64_t alignment_ = 32;
  std::vector<Tensor> tensors_;
};

}  // namespace lemma
