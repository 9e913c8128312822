// The header of a GGUF model file (versions 2 and 3, little endian): metadata and the table of tensors.
// Untrusted bytes end here: every length is checked against limits and against the bytes present before it is used.
// Values are views into the bytes that were parsed, which must outlive the header. Immutable, any thread.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/api/result.h"
#include "kernels/api/type.h"

namespace lemma {

// Numbered as in the file.
enum class GgufType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };
std::string_view name(GgufType type);

// The strings of an array, read from the file's bytes as one walks: {u64 length, bytes} each.
// Lengths are checked again while walking, since a mapped file may be changed by another program.
class GgufStrings {
 public:
  class Iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;
    using pointer = const std::string_view*;
    using reference = std::string_view;
    Iterator() = default;
    Iterator(std::span<const std::byte> rest, uint64_t left) : rest_(rest), left_(left) { readLength(); }
    std::string_view operator*() const { return {reinterpret_cast<const char*>(rest_.data()) + 8, length_}; }
    Iterator& operator++() {
      rest_ = rest_.subspan(8 + length_);
      --left_;
      readLength();
      return *this;
    }
    Iterator operator++(int) {
      Iterator old = *this;
      ++*this;
      return old;
    }
    bool operator==(const Iterator& other) const { return left_ == other.left_; }

   private:
    void readLength() {
      length_ = 0;
      if (left_ == 0) return;
      uint64_t length = 0;
      if (rest_.size() >= 8) std::memcpy(&length, rest_.data(), 8);
      if (rest_.size() < 8 || length > rest_.size() - 8) {
        left_ = 0;
      } else {
        length_ = size_t(length);
      }
    }
    std::span<const std::byte> rest_;
    uint64_t left_ = 0;
    size_t length_ = 0;
  };

  GgufStrings(std::span<const std::byte> raw, uint64_t count) : raw_(raw), count_(count) {}
  uint64_t size() const { return count_; }
  Iterator begin() const { return {raw_, count_}; }
  Iterator end() const { return {}; }

 private:
  std::span<const std::byte> raw_;
  uint64_t count_ = 0;
};

// One metadata value. Accessors are empty where the value is of another kind or does not fit.
class GgufValue {
 public:
  GgufValue(GgufType type, GgufType element, uint64_t count, std::span<const std::byte> raw)
      : type_(type), element_(element), count_(count), raw_(raw) {}

  GgufType type() const { return type_; }
  GgufType elementType() const { return element_; }  // of arrays; the type itself otherwise
  uint64_t count() const { return count_; }          // of arrays; 1 otherwise

  std::optional<uint64_t> asU64() const;  // any integer that is not negative
  std::optional<int64_t> asI64() const;   // any integer that fits
  std::optional<double> asF64() const;    // f32, f64 and integers
  std::optional<bool> asBool() const;
  std::optional<std::string_view> asString() const;
  std::optional<GgufStrings> asStringArray() const;
  std::optional<std::vector<int32_t>> asI32Array() const;   // integers, each within int32
  std::optional<std::vector<uint64_t>> asU64Array() const;  // integers, none negative
  std::optional<std::vector<float>> asF32Array() const;     // f32, f64 and integers
  std::optional<std::vector<bool>> asBoolArray() const;
  std::span<const std::byte> raw() const { return raw_; }  // as in the file, to be written again

 private:
  GgufType type_, element_;
  uint64_t count_;
  std::span<const std::byte> raw_;  // a string's bytes without its length; an array's elements
};

struct GgufTensor {
  std::string name;
  Type type{};
  int rank = 0;
  std::array<int64_t, 4> ne{1, 1, 1, 1};  // ne[0] runs fastest
  uint64_t offset = 0;                    // from the start of the file
  uint64_t bytes = 0;
};

struct GgufHeader {
  uint32_t version = 0;
  uint32_t alignment = 32;
  std::vector<std::pair<std::string, GgufValue>> kv;  // in the file's order, keys unique
  std::vector<GgufTensor> tensors;                    // in the file's order, names unique
  uint64_t fileBytes = 0;
  uint64_t headerBytes = 0;  // end of the tensor table
  uint64_t dataOffset = 0;   // first byte of tensor data; fileBytes where there are no tensors

  const GgufValue* find(std::string_view key) const;      // null = absent
  const GgufTensor* tensor(std::string_view name) const;  // null = absent

  // Typed reads. An error names the key: notFound where it is absent, badValue where it is of another kind.
  Result<uint64_t> u64(std::string_view key) const;
  Result<double> f64(std::string_view key) const;  // finite
  Result<bool> flag(std::string_view key) const;
  Result<std::string> str(std::string_view key) const;
  Result<uint64_t> u64Or(std::string_view key, uint64_t fallback) const;
  Result<double> f64Or(std::string_view key, double fallback) const;
  Result<bool> flagOr(std::string_view key, bool fallback) const;
  Result<std::string> strOr(std::string_view key, std::string fallback) const;

  std::vector<uint32_t> kvByName, tensorsByName;  // positions in kv and tensors, sorted by name
};

// `bytes` starts at the file's first byte and holds at least its header; fileBytes is the size of the whole file,
// against which tensor offsets are checked. Pure; allocates no more than a small multiple of the header's own size.
Result<GgufHeader> parseGguf(std::span<const std::byte> bytes, uint64_t fileBytes);
Result<GgufHeader> parseGguf(std::vector<std::byte>&& bytes, uint64_t fileBytes) = delete;  // values would dangle

// A name from a file made fit for a sentence: at most 64 bytes, printable ASCII, in quotation marks.
std::string quotedName(std::string_view name);

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
