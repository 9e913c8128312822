// Which kinds of values convert to which.
#include "engine/model_file/gguf_value.h"

#include <type_traits>
#include <utility>

namespace lemma {
namespace {

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

// Calls fn with element i of raw in its own C++ type; false where the type is not a number.
template <class Fn>
bool withNumber(GgufType type, const std::byte* raw, uint64_t i, Fn&& fn) {
  switch (type) {
    case GgufType::u8:
      return fn(load<uint8_t>(raw + i));
    case GgufType::i8:
      return fn(load<int8_t>(raw + i));
    case GgufType::u16:
      return fn(load<uint16_t>(raw + 2 * i));
    case GgufType::i16:
      return fn(load<int16_t>(raw + 2 * i));
    case GgufType::u32:
      return fn(load<uint32_t>(raw + 4 * i));
    case GgufType::i32:
      return fn(load<int32_t>(raw + 4 * i));
    case GgufType::u64:
      return fn(load<uint64_t>(raw + 8 * i));
    case GgufType::i64:
      return fn(load<int64_t>(raw + 8 * i));
    case GgufType::f32:
      return fn(load<float>(raw + 4 * i));
    case GgufType::f64:
      return fn(load<double>(raw + 8 * i));
    case GgufType::boolean:
    case GgufType::string:
    case GgufType::array:
      return false;
  }
  return false;
}

// Integers that fit T; floating point T takes every number.
template <class T>
bool convert(GgufType type, const std::byte* raw, uint64_t i, T& out) {
  return withNumber(type, raw, i, [&](auto v) {
    using V = decltype(v);
    if constexpr (std::is_floating_point_v<T>) {
      out = T(v);
      return true;
    } else if constexpr (std::is_floating_point_v<V>) {
      return false;
    } else {
      if (!std::in_range<T>(v)) return false;
      out = T(v);
      return true;
    }
  });
}

template <class T>
std::optional<T> scalar(GgufType type, std::span<const std::byte> raw) {
  T out{};
  if (!convert(type, raw.data(), 0, out)) return std::nullopt;
  return out;
}

template <class T>
std::optional<std::vector<T>> numbers(GgufType element, uint64_t count, std::span<const std::byte> raw) {
  std::vector<T> out(static_cast<size_t>(count));
  for (uint64_t i = 0; i < count; ++i) {
    if (!convert(element, raw.data(), i, out[i])) return std::nullopt;
  }
  return out;
}

bool isNumber(GgufType type) {
  return type != GgufType::boolean && type != GgufType::string && type != GgufType::array;
}

}  // namespace

std::string_view name(GgufType type) {
  constexpr std::string_view kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                         "bool", "string", "array", "u64", "i64", "f64"};
  return size_t(type) < std::size(kNames) ? kNames[size_t(type)] : "unknown";
}

GgufValue GgufValue::made(GgufType type, GgufType element, uint64_t count, std::span<const std::byte> bytes) {
  auto own = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
  GgufValue value(type, element, count, *own);
  value.own_ = std::move(own);
  return value;
}

GgufValue GgufValue::of(bool value) {
  const std::byte raw{uint8_t(value)};
  return made(GgufType::boolean, GgufType::boolean, 1, {&raw, 1});
}
GgufValue GgufValue::of(uint32_t value) {
  return made(GgufType::u32, GgufType::u32, 1, std::as_bytes(std::span(&value, 1)));
}
GgufValue GgufValue::of(uint64_t value) {
  return made(GgufType::u64, GgufType::u64, 1, std::as_bytes(std::span(&value, 1)));
}
GgufValue GgufValue::of(int64_t value) {
  return made(GgufType::i64, GgufType::i64, 1, std::as_bytes(std::span(&value, 1)));
}
GgufValue GgufValue::of(float value) {
  return made(GgufType::f32, GgufType::f32, 1, std::as_bytes(std::span(&value, 1)));
}
GgufValue GgufValue::of(double value) {
  return made(GgufType::f64, GgufType::f64, 1, std::as_bytes(std::span(&value, 1)));
}
GgufValue GgufValue::of(std::string_view text) {
  return made(GgufType::string, GgufType::string, 1, std::as_bytes(std::span(text)));
}
GgufValue GgufValue::of(std::span<const int64_t> values) {
  return made(GgufType::array, GgufType::i64, values.size(), std::as_bytes(values));
}

GgufValue GgufValue::of(std::span<const int32_t> values) {
  return made(GgufType::array, GgufType::i32, values.size(), std::as_bytes(values));
}
GgufValue GgufValue::of(std::span<const float> values) {
  return made(GgufType::array, GgufType::f32, values.size(), std::as_bytes(values));
}
GgufValue GgufValue::of(std::span<const uint8_t> values) {
  return made(GgufType::array, GgufType::u8, values.size(), std::as_bytes(values));
}
GgufValue GgufValue::of(std::span<const std::string> texts) {
  std::string all;
  for (const std::string& text : texts) {
    const uint64_t length = text.size();
    all.append(reinterpret_cast<const char*>(&length), sizeof length) += text;
  }
  return made(GgufType::array, GgufType::string, texts.size(), std::as_bytes(std::span(all)));
}

std::optional<uint64_t> GgufValue::asU64() const { return scalar<uint64_t>(type_, raw_); }
std::optional<int64_t> GgufValue::asI64() const { return scalar<int64_t>(type_, raw_); }
std::optional<double> GgufValue::asF64() const { return scalar<double>(type_, raw_); }

std::optional<bool> GgufValue::asBool() const {
  if (type_ != GgufType::boolean) return std::nullopt;
  return raw_[0] != std::byte{0};
}

std::optional<std::string_view> GgufValue::asString() const {
  if (type_ != GgufType::string) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(raw_.data()), raw_.size());
}

std::optional<GgufStrings> GgufValue::asStringArray() const {
  if (type_ != GgufType::array || element_ != GgufType::string) return std::nullopt;
  return GgufStrings(raw_, count_);
}

std::optional<std::vector<int32_t>> GgufValue::asI32Array() const {
  if (type_ != GgufType::array || !isNumber(element_)) return std::nullopt;
  return numbers<int32_t>(element_, count_, raw_);
}

std::optional<std::vector<uint64_t>> GgufValue::asU64Array() const {
  if (type_ != GgufType::array || !isNumber(element_)) return std::nullopt;
  return numbers<uint64_t>(element_, count_, raw_);
}

std::optional<std::vector<float>> GgufValue::asF32Array() const {
  if (type_ != GgufType::array || !isNumber(element_)) return std::nullopt;
  return numbers<float>(element_, count_, raw_);
}

std::optional<std::vector<bool>> GgufValue::asBoolArray() const {
  if (type_ != GgufType::array || element_ != GgufType::boolean) return std::nullopt;
  std::vector<bool> out(raw_.size());
  for (size_t i = 0; i < raw_.size(); ++i) out[i] = raw_[i] != std::byte{0};
  return out;
}

}  // namespace lemma
