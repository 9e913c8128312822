#include "engine/tokenizer/charsmap.h"

#include <cstring>

namespace lemma {
namespace {

bool hasLeaf(uint32_t unit) { return (unit >> 8) & 1; }
uint32_t valueOf(uint32_t unit) { return unit & 0x7fffffffu; }
uint32_t labelOf(uint32_t unit) { return unit & 0x800000ffu; }
uint32_t offsetOf(uint32_t unit) { return (unit >> 10) << ((unit & 0x200u) >> 6); }

}  // namespace

Result<CharsMap> CharsMap::parse(std::string_view name, std::string_view bytes) {
  const auto bad = [&](const char* why) { return fail(Err::badValue, std::string(name) + " " + why); };
  if (bytes.size() > kMostBytes) return fail(Err::tooLarge, std::string(name) + " has more than 16 MiB");
  if (bytes.size() < 4) return bad("is cut off");
  uint32_t size;
  std::memcpy(&size, bytes.data(), 4);
  if (size % 4 != 0 || size == 0 || size > bytes.size() - 4) return bad("gives its table a size that does not fit");
  CharsMap map;
  map.units_.resize(size / 4);
  std::memcpy(map.units_.data(), bytes.data() + 4, size);
  map.replacements_ = bytes.substr(4 + size);
  return map;
}

std::optional<CharsMap::Match> CharsMap::search(std::string_view text, bool stopAtFirst) const {
  std::optional<Match> found;
  uint32_t at = offsetOf(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = uint8_t(text[i]);
    at ^= byte;
    if (at >= units_.size() || labelOf(units_[at]) != byte) break;
    const uint32_t unit = units_[at];
    at ^= offsetOf(unit);
    if (!hasLeaf(unit)) continue;
    if (at >= units_.size()) break;
    const uint32_t start = valueOf(units_[at]);
    if (start >= replacements_.size()) break;
    const std::string_view rest = std::string_view(replacements_).substr(start, kLongestReplacement + 1);
    found = Match{i + 1, rest.substr(0, std::min(rest.find('\0'), kLongestReplacement))};
    if (stopAtFirst) break;
  }
  return found;
}

std::optional<CharsMap::Match> CharsMap::shortest(std::string_view text) const { return search(text, true); }
std::optional<CharsMap::Match> CharsMap::longest(std::string_view text) const { return search(text, false); }

std::optional<std::string> decodeBase64(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int have = 0;
  while (text.ends_with('=')) text.remove_suffix(1);
  for (const char c : text) {
    const int digit = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+'             ? 62
                      : c == '/'             ? 63
                                             : -1;
    if (digit < 0) return std::nullopt;
    bits = (bits << 6) | uint32_t(digit);
    have += 6;
    if (have >= 8) out += char(bits >> (have -= 8));
  }
  return out;
}

}  // namespace lemma
