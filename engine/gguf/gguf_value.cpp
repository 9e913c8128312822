// Typed reads of metadata: which kinds convert to which, and the sentences of the reads that hyper-parameters use.
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/gguf/gguf.h"

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

std::string the(std::string_view key) { return "the key " + quotedName(key); }

template <class T>
Result<T> required(const GgufValue* value, std::string_view key, std::string_view wanted, std::optional<T> got) {
  if (!value) return fail(Err::notFound, the(key) + " is missing");
  if (!got) {
    return fail(Err::badValue, the(key) + " is of type " + std::string(name(value->type())) + " and does not hold " +
                                   std::string(wanted));
  }
  return std::move(*got);
}

}  // namespace

std::string_view name(GgufType type) {
  constexpr std::string_view kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                         "bool", "string", "array", "u64", "i64", "f64"};
  return size_t(type) < std::size(kNames) ? kNames[size_t(type)] : "unknown";
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

Result<uint64_t> GgufHeader::u64(std::string_view key) const {
  const GgufValue* value = find(key);
  return required(value, key, "a whole number from 0", value ? value->asU64() : std::nullopt);
}

Result<double> GgufHeader::f64(std::string_view key) const {
  const GgufValue* value = find(key);
  LEMMA_TRY(number, required(value, key, "a number", value ? value->asF64() : std::nullopt));
  if (!std::isfinite(number)) return fail(Err::badValue, the(key) + " is not a finite number");
  return number;
}

Result<bool> GgufHeader::flag(std::string_view key) const {
  const GgufValue* value = find(key);
  return required(value, key, "true or false", value ? value->asBool() : std::nullopt);
}

Result<std::string> GgufHeader::str(std::string_view key) const {
  const GgufValue* value = find(key);
  const auto got = value ? value->asString() : std::nullopt;
  return required(value, key, "a text", got ? std::optional<std::string>(*got) : std::nullopt);
}

Result<uint64_t> GgufHeader::u64Or(std::string_view key, uint64_t fallback) const {
  return find(key) ? u64(key) : fallback;
}
Result<double> GgufHeader::f64Or(std::string_view key, double fallback) const {
  return find(key) ? f64(key) : fallback;
}
Result<bool> GgufHeader::flagOr(std::string_view key, bool fallback) const { return find(key) ? flag(key) : fallback; }
Result<std::string> GgufHeader::strOr(std::string_view key, std::string fallback) const {
  return find(key) ? str(key) : std::move(fallback);
}

}  // namespace lemma
