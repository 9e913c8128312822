#include "engine/template/unicode.h"

#include <algorithm>
#include <span>

namespace lemma::jinja {
namespace {
struct CaseRun {
  uint32_t first, last;
  int step, delta;
};
struct CaseExpansion {
  uint32_t from;
  const char* to;
};
struct Range {
  uint32_t first, last;
};
#include "engine/template/unicode_tables.inc"

template <class T>
bool contains(std::span<const T> ranges, uint32_t cp) {
  const auto it =
      std::upper_bound(ranges.begin(), ranges.end(), cp, [](uint32_t v, const T& r) { return v < r.first; });
  return it != ranges.begin() && cp <= (it - 1)->last;
}

std::string mapped(std::span<const CaseRun> runs, std::span<const CaseExpansion> several, uint32_t cp) {
  std::string out;
  const auto it =
      std::upper_bound(runs.begin(), runs.end(), cp, [](uint32_t v, const CaseRun& r) { return v < r.first; });
  if (it != runs.begin()) {
    const CaseRun& r = *(it - 1);
    if (cp <= r.last && (cp - r.first) % uint32_t(r.step) == 0) {
      appendUtf8(out, uint32_t(int64_t(cp) + r.delta));
      return out;
    }
  }
  for (const CaseExpansion& e : several) {
    if (e.from == cp) return e.to;
  }
  appendUtf8(out, cp);
  return out;
}
}  // namespace

CodePoint codePointAt(std::string_view s, size_t at) {
  const auto byte = [&](size_t i) { return uint8_t(s[at + i]); };
  const uint8_t lead = byte(0);
  const auto follows = [&](size_t n) {
    if (s.size() - at <= n) return false;
    for (size_t i = 1; i <= n; ++i) {
      if ((byte(i) & 0xC0) != 0x80) return false;
    }
    return true;
  };
  if (lead < 0x80) return {lead, 1};
  if (lead >= 0xC2 && lead < 0xE0 && follows(1)) return {uint32_t(lead & 31) << 6 | (byte(1) & 63u), 2};
  if (lead >= 0xE0 && lead < 0xF0 && follows(2)) {
    return {uint32_t(lead & 15) << 12 | (byte(1) & 63u) << 6 | (byte(2) & 63u), 3};
  }
  if (lead >= 0xF0 && lead < 0xF5 && follows(3)) {
    return {uint32_t(lead & 7) << 18 | (byte(1) & 63u) << 12 | (byte(2) & 63u) << 6 | (byte(3) & 63u), 4};
  }
  return {0xFFFD, 1};
}

void appendUtf8(std::string& out, uint32_t cp) {
  if (cp < 0x80) {
    out += char(cp);
  } else if (cp < 0x800) {
    out += {char(0xC0 | cp >> 6), char(0x80 | (cp & 63))};
  } else if (cp < 0x10000) {
    out += {char(0xE0 | cp >> 12), char(0x80 | (cp >> 6 & 63)), char(0x80 | (cp & 63))};
  } else {
    out += {char(0xF0 | cp >> 18), char(0x80 | (cp >> 12 & 63)), char(0x80 | (cp >> 6 & 63)), char(0x80 | (cp & 63))};
  }
}

size_t codePoints(std::string_view s) {
  size_t n = 0;
  for (size_t i = 0; i < s.size(); i += codePointAt(s, i).size) ++n;
  return n;
}

size_t byteOf(std::string_view s, size_t n) {
  size_t i = 0;
  for (; n > 0 && i < s.size(); --n) i += codePointAt(s, i).size;
  return i;
}

std::string upperOf(uint32_t cp) {
  if (cp < 128) return {char(cp >= 'a' && cp <= 'z' ? cp - 32 : cp)};
  return mapped(kUpper, kUpperSeveral, cp);
}
std::string lowerOf(uint32_t cp) {
  if (cp < 128) return {char(cp >= 'A' && cp <= 'Z' ? cp + 32 : cp)};
  return mapped(kLower, kLowerSeveral, cp);
}

bool isUpper(uint32_t cp) {
  if (cp < 128) return cp >= 'A' && cp <= 'Z';
  std::string self;
  appendUtf8(self, cp);
  return lowerOf(cp) != self;
}
bool isLower(uint32_t cp) {
  if (cp < 128) return cp >= 'a' && cp <= 'z';
  std::string self;
  appendUtf8(self, cp);
  return upperOf(cp) != self;
}
bool isAlpha(uint32_t cp) {
  if (cp < 128) return isUpper(cp) || isLower(cp);
  return contains<Range>(kLetters, cp);
}
bool isPrintable(uint32_t cp) {
  if (cp < 128) return cp >= 32 && cp < 127;
  return contains<Range>(kPrintable, cp);
}
bool isSpace(uint32_t cp) {
  return (cp >= 9 && cp <= 13) || (cp >= 28 && cp <= 32) || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
         (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

}  // namespace lemma::jinja
