#include "engine/tokenizer/unicode_class.h"

#include <algorithm>
#include <array>

namespace lemma {
namespace {

CharClass classOf(uint32_t codePoint, Category category) {
  if ((codePoint >= 0x09 && codePoint <= 0x0d) || codePoint == 0x85) return CharClass::space;
  if (category <= Category::Lo) return CharClass(category);
  if (category <= Category::Me) return CharClass::mark;
  if (category <= Category::No) return CharClass::number;
  if (category <= Category::Po) return CharClass::punctuation;
  if (category <= Category::So) return CharClass::symbol;
  return category <= Category::Zp ? CharClass::space : CharClass::other;
}

CharClass search(uint32_t codePoint) { return classOf(codePoint, category(codePoint)); }

}  // namespace

Category category(uint32_t codePoint) {
  if (codePoint > 0x10ffff) return Category::Cn;
  const uint32_t* after = std::upper_bound(kCategoryRuns, kCategoryRuns + kCategoryRunCount, (codePoint << 5) | 31);
  return Category(after[-1] & 31);  // the first run starts at U+0000
}

CharClass charClass(uint32_t codePoint) { return search(codePoint); }

void appendUtf8(uint32_t c, std::string& out) {
  if (c < 0x80) {
    out += char(c);
  } else if (c < 0x800) {
    out += {char(0xc0 | (c >> 6)), char(0x80 | (c & 63))};
  } else if (c < 0x10000) {
    out += {char(0xe0 | (c >> 12)), char(0x80 | ((c >> 6) & 63)), char(0x80 | (c & 63))};
  } else {
    out += {char(0xf0 | (c >> 18)), char(0x80 | ((c >> 12) & 63)), char(0x80 | ((c >> 6) & 63)), char(0x80 | (c & 63))};
  }
}

CodePoint decodeUtf8(std::string_view text, size_t at) {
  constexpr CodePoint kInvalid{0xfffd, 1};
  const auto byte = [&](size_t i) { return uint32_t(uint8_t(text[at + i])); };
  const size_t left = text.size() - at;
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const int length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || left < size_t(length)) return kInvalid;
  uint32_t value = lead & (0xffu >> (length + 1));
  for (int i = 1; i < length; ++i) {
    if ((byte(size_t(i)) & 0xc0) != 0x80) return kInvalid;
    value = (value << 6) | (byte(size_t(i)) & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kLeast[length] || value > 0x10ffff || surrogate) return kInvalid;
  return {value, length};
}

void classify(std::string_view text, std::vector<CharClass>& out) {
  static const auto kAscii = [] {
    std::array<CharClass, 128> classes;
    for (uint32_t c = 0; c < 128; ++c) classes[c] = search(c);
    return classes;
  }();
  out.resize(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto lead = uint8_t(text[i]);
    if (lead < 128) {
      out[i++] = kAscii[lead];
      continue;
    }
    const CodePoint c = decodeUtf8(text, i);
    out[i++] = search(c.value);
    for (int k = 1; k < c.bytes; ++k) out[i++] = CharClass::inside;
  }
}

}  // namespace lemma
