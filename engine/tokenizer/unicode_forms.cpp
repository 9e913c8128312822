#include "engine/tokenizer/unicode_forms.h"

#include <algorithm>
#include <span>
#include <tuple>
#include <vector>

#include "engine/tokenizer/unicode_class.h"

namespace lemma {
namespace {

constexpr uint32_t kRawByte = 0x110000;  // + a byte that is no UTF-8
constexpr uint32_t kHangul = 0xac00, kLead = 0x1100, kVowel = 0x1161, kTail = 0x11a7;
constexpr uint32_t kVowels = 21, kTails = 28, kLeads = 19, kSyllables = kLeads * kVowels * kTails;

struct Character {
  uint32_t code;
  uint8_t combining;
};

uint8_t combiningClass(uint32_t code) {
  const uint32_t* after = std::upper_bound(kCombiningRuns, kCombiningRuns + kCombiningRunCount, (code << 8) | 255);
  return after == kCombiningRuns ? uint8_t(0) : uint8_t(after[-1]);
}

std::span<const uint32_t> decomposition(uint32_t code, bool compatible) {
  static const std::vector<uint32_t> kStarts = [] {
    std::vector<uint32_t> starts;
    for (uint32_t i = 0; i < kDecompositionCount; ++i) {
      if (kDecompositions[i] >> 31) starts.push_back(i);
    }
    starts.push_back(uint32_t(kDecompositionCount));
    return starts;
  }();
  const uint32_t* end = kDecomposed + kDecomposedCount;
  const uint32_t* row = std::lower_bound(kDecomposed, end, code << 1);
  if (row == end || *row >> 1 != code) return {};
  if (compatible && row + 1 != end && row[1] >> 1 == code) ++row;
  if (!compatible && (*row & 1)) return {};
  const auto i = size_t(row - kDecomposed);
  return {kDecompositions + kStarts[i], kStarts[i + 1] - kStarts[i]};
}

void append(uint32_t code, std::vector<Character>& out) {
  out.push_back({code, code < kRawByte ? combiningClass(code) : uint8_t(0)});
}

std::vector<Character> decomposed(std::string_view text, bool compatible) {
  std::vector<Character> out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const CodePoint c = decodeUtf8(text, i);
    const bool raw = c.bytes == 1 && uint8_t(text[i]) >= 0x80;
    if (raw) {
      out.push_back({kRawByte + uint8_t(text[i]), 0});
    } else if (c.value >= kHangul && c.value < kHangul + kSyllables) {
      const uint32_t s = c.value - kHangul;
      append(kLead + s / (kVowels * kTails), out);
      append(kVowel + s % (kVowels * kTails) / kTails, out);
      if (s % kTails) append(kTail + s % kTails, out);
    } else if (const auto parts = decomposition(c.value, compatible); !parts.empty()) {
      for (const uint32_t part : parts) append(part & 0x7fffffff, out);
    } else {
      append(c.value, out);
    }
    i += size_t(c.bytes);
  }
  for (auto it = out.begin(); it != out.end();) {  // marks of each base by their class
    if (it->combining == 0) {
      ++it;
      continue;
    }
    const auto end = std::find_if(it, out.end(), [](const Character& c) { return c.combining == 0; });
    std::stable_sort(it, end, [](const Character& a, const Character& b) { return a.combining < b.combining; });
    it = end;
  }
  return out;
}

uint32_t composed(uint32_t a, uint32_t b) {  // 0 = the two do not compose
  if (a >= kLead && a < kLead + kLeads && b >= kVowel && b < kVowel + kVowels) {
    return kHangul + ((a - kLead) * kVowels + (b - kVowel)) * kTails;
  }
  if (a >= kHangul && a < kHangul + kSyllables && (a - kHangul) % kTails == 0 && b > kTail && b < kTail + kTails) {
    return a + (b - kTail);
  }
  const Composition* end = kCompositions + kCompositionCount;
  const Composition* it = std::lower_bound(
      kCompositions, end, std::pair(a, b),
      [](const Composition& c, const auto& p) { return std::tie(c.first, c.second) < std::tie(p.first, p.second); });
  return it != end && it->first == a && it->second == b ? it->whole : 0;
}

void compose(std::vector<Character>& text) {
  constexpr size_t kNone = ~size_t(0);
  size_t base = kNone, left = 0;
  int before = -1;  // the class of the character kept last, after the base
  for (const Character c : text) {
    const bool blocked = before >= 0 && (before == 0 || before >= c.combining);
    if (base != kNone && !blocked) {
      if (const uint32_t whole = composed(text[base].code, c.code)) {
        text[base] = {whole, text[base].combining};
        continue;
      }
    }
    if (c.combining == 0) {
      base = left;
      before = -1;
    } else {
      before = c.combining;
    }
    text[left++] = c;
  }
  text.resize(left);
}

}  // namespace

std::string unicodeForm(std::string_view text, UnicodeForm form) {
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return uint8_t(c) < 0x80; });
  if (ascii) return std::string(text);
  std::vector<Character> characters = decomposed(text, form == UnicodeForm::nfkc || form == UnicodeForm::nfkd);
  if (form == UnicodeForm::nfc || form == UnicodeForm::nfkc) compose(characters);
  std::string out;
  out.reserve(text.size());
  for (const Character& c : characters) {
    if (c.code >= kRawByte) {
      out += char(c.code - kRawByte);
    } else {
      appendUtf8(c.code, out);
    }
  }
  return out;
}

}  // namespace lemma
