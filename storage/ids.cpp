#include "storage/ids.h"

#include <unistd.h>

#include <chrono>
#include <random>

namespace lemma::storage {
namespace {

constexpr uint32_t kCounterLimit = 1u << 12;

// Random bits from the operating system.
std::array<uint64_t, 2> randomBits() {
  std::array<uint64_t, 2> bits{};
  if (::getentropy(bits.data(), sizeof bits) != 0) {  // a kernel without getrandom
    std::random_device device;
    for (uint64_t& b : bits) b = uint64_t{device()} << 32 | device();
  }
  return bits;
}

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool isDashPosition(size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

}  // namespace

Millis utcNow() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string Uuid::str() const {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(36);
  for (uint8_t byte : bytes) {
    if (isDashPosition(out.size())) out += '-';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  Uuid out;
  size_t nibble = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (isDashPosition(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int value = hexValue(text[i]);
    if (value < 0) return std::nullopt;
    out.bytes[nibble / 2] = static_cast<uint8_t>(out.bytes[nibble / 2] << 4 | value);
    ++nibble;
  }
  return out;
}

std::optional<Uuid> Uuid::fromBytes(std::span<const uint8_t> raw) {
  Uuid out;
  if (raw.size() != out.bytes.size()) return std::nullopt;
  std::copy(raw.begin(), raw.end(), out.bytes.begin());
  return out;
}

Uuid IdGenerator::next() {
  const auto [forCounter, tail] = randomBits();
  Millis ms;
  uint32_t count;
  {
    std::lock_guard lock(mutex_);
    const Millis now = clock_();
    if (now > lastMs_) {
      lastMs_ = now;
      counter_ = static_cast<uint32_t>(forCounter >> 53);  // 11 bits: leaves room to count at least 2048 ids
    } else if (++counter_ == kCounterLimit) {
      ++lastMs_;
      counter_ = 0;
    }
    ms = lastMs_;
    count = counter_;
  }
  Uuid out;
  for (int i = 0; i < 6; ++i) out.bytes[i] = static_cast<uint8_t>(ms >> (40 - 8 * i));
  out.bytes[6] = static_cast<uint8_t>(0x70 | count >> 8);
  out.bytes[7] = static_cast<uint8_t>(count);
  for (int i = 0; i < 8; ++i) out.bytes[8 + i] = static_cast<uint8_t>(tail >> (56 - 8 * i));
  out.bytes[8] = static_cast<uint8_t>(0x80 | (out.bytes[8] & 0x3f));
  return out;
}

}  // namespace lemma::storage
