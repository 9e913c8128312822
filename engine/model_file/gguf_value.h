// Metadata values in GGUF's types, which is how the engine knows every model: other formats are translated into them.
// A value is a view into the bytes of a file, which must outlive it, or keeps bytes that were made for it.
// Immutable, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lemma {

// Numbered as in the file.
enum class GgufType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };
std::string_view name(GgufType type);

// The strings of an array, read from the bytes as one walks: {u64 length, bytes} each.
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

  // Values that keep their bytes themselves.
  static GgufValue of(bool value);
  static GgufValue of(uint32_t value);
  static GgufValue of(uint64_t value);
  static GgufValue of(int64_t value);
  static GgufValue of(float value);
  static GgufValue of(double value);
  static GgufValue of(std::string_view text);
  static GgufValue of(const char*) = delete;  // would be a bool
  static GgufValue of(std::span<const int64_t> values);
  static GgufValue of(std::span<const int32_t> values);
  static GgufValue of(std::span<const float> values);
  static GgufValue of(std::span<const uint8_t> values);
  static GgufValue of(std::span<const std::string> texts);

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
  static GgufValue made(GgufType type, GgufType element, uint64_t count, std::span<const std::byte> bytes);

  GgufType type_, element_;
  uint64_t count_;
  std::span<const std::byte> raw_;                     // a string's bytes without its length; an array's elements
  std::shared_ptr<const std::vector<std::byte>> own_;  // null where raw_ lies in a file
};

}  // namespace lemma
