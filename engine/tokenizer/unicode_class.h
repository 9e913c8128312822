// Classes of characters, as the regular expressions of pre-tokenizers know them (\p{L}, \p{N}, \s, ...), and the
// classes of a whole text at once. The table is made by resources/unicode/make_categories.py. Pure, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lemma {

// General categories, in the order of the table's numbers.
enum class Category : uint8_t {
  Lu,
  Ll,
  Lt,
  Lm,
  Lo,
  Mn,
  Mc,
  Me,
  Nd,
  Nl,
  No,
  Pc,
  Pd,
  Ps,
  Pe,
  Pi,
  Pf,
  Po,
  Sm,
  Sc,
  Sk,
  So,
  Zs,
  Zl,
  Zp,
  Cc,
  Cf,
  Cs,
  Co,
  Cn
};

// Groups of categories that pre-tokenizers ask for. `space` is White_Space; `other` are controls, formats, private use,
// unassigned.
enum class CharClass : uint8_t {
  upper,
  lower,
  title,
  modifier,
  letter,
  mark,
  number,
  punctuation,
  symbol,
  space,
  other,
  inside,  // a continuation byte, in classify()'s answer
};

inline constexpr bool isLetter(CharClass c) { return c <= CharClass::letter; }

struct CodeRange {
  uint32_t first, last;
  bool operator==(const CodeRange&) const = default;
};

// Runs of one category, ascending: (first code point << 5) | category.
extern const uint32_t kCategoryRuns[];
extern const size_t kCategoryRunCount;
extern const CodeRange kHanRanges[];  // the script, ascending
extern const size_t kHanRangeCount;

Category category(uint32_t codePoint);  // Cn beyond U+10FFFF
CharClass charClass(uint32_t codePoint);

struct CodePoint {
  uint32_t value;  // U+FFFD for a byte that is no UTF-8
  int bytes;       // then 1
};
// The code point at `at` (< text.size()); strict UTF-8: no overlong forms, surrogates or values beyond U+10FFFF.
CodePoint decodeUtf8(std::string_view text, size_t at);

void appendUtf8(uint32_t codePoint, std::string& out);

// One class a byte: of the code point that starts there, or `inside`. Bytes that are no UTF-8 count as U+FFFD, a
// symbol.
void classify(std::string_view text, std::vector<CharClass>& out);

}  // namespace lemma
