// The four normal forms of Unicode. The tables are made by resources/unicode/make_decompositions.py. Bytes that are no
// UTF-8 stay as they are. n log n at worst (a long run of marks), linear else. Pure, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lemma {

enum class UnicodeForm : uint8_t { nfc, nfd, nfkc, nfkd };

std::string unicodeForm(std::string_view text, UnicodeForm form);

struct Composition {
  uint32_t first, second, whole;
};
// (code point << 1) | compatible, ascending; the row after the canonical one only where the two differ.
extern const uint32_t kDecomposed[];
extern const size_t kDecomposedCount;
// The code points of each row, one row after the other; the first of a row has its highest bit set.
extern const uint32_t kDecompositions[];
extern const size_t kDecompositionCount;
extern const Composition kCompositions[];  // by first, then second
extern const size_t kCompositionCount;
// Runs of one combining class, ascending: (first code point << 8) | class; before the first run the class is 0.
extern const uint32_t kCombiningRuns[];
extern const size_t kCombiningRunCount;

}  // namespace lemma
