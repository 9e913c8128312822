// Identities and time: UUIDv7 (RFC 9562, section 5.7) and UTC milliseconds.
// Values, any thread; one IdGenerator may be shared by all threads.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lemma::storage {

using Millis = int64_t;                 // UTC, since 1970-01-01
using Clock = std::function<Millis()>;  // tests bring their own
Millis utcNow();

struct Uuid {
  std::array<uint8_t, 16> bytes{};
  auto operator<=>(const Uuid&) const = default;
  bool isNull() const { return *this == Uuid{}; }
  std::string str() const;                                         // 8-4-4-4-12, lower case
  static std::optional<Uuid> parse(std::string_view text);         // that form only, either case
  static std::optional<Uuid> fromBytes(std::span<const uint8_t>);  // 16 bytes
};

// The same 16 bytes, told apart by the compiler.
template <class Tag>
struct Id : Uuid {
  Id() = default;
  explicit Id(const Uuid& u) : Uuid(u) {}
  auto operator<=>(const Id&) const = default;
  static std::optional<Id> parse(std::string_view text) {
    if (auto u = Uuid::parse(text)) return Id(*u);
    return std::nullopt;
  }
};
using ConversationId = Id<struct ConversationTag>;
using MessageId = Id<struct MessageTag>;

// Each id sorts after every id made before it by the same generator, also within one millisecond and when the clock
// goes back: 12 bits count within the millisecond, an overflow borrows the next one.
class IdGenerator {
 public:
  explicit IdGenerator(Clock clock = utcNow) : clock_(std::move(clock)) {}
  Uuid next();
  ConversationId conversation() { return ConversationId(next()); }
  MessageId message() { return MessageId(next()); }

 private:
  std::mutex mutex_;
  Clock clock_;
  Millis lastMs_ = -1;
  uint32_t counter_ = 0;  // 12 bits
};

}  // namespace lemma::storage
