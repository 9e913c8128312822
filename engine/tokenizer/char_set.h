// A set of code points, as a class of a regular expression writes it: ranges, general categories, and negations.
// Built once, then immutable; any thread.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/tokenizer/unicode_class.h"

namespace lemma {

class CharSet {
 public:
  static CharSet of(std::vector<CodeRange> ranges);
  static CharSet all() { return of({{0, 0x10ffff}}); }
  // The set of a name in \p{...}, of a category, a group of them, a script or a property; false where it is not known.
  static bool named(std::string_view name, CharSet& out);
  static CharSet space();  // White_Space
  static CharSet word();   // \w as Oniguruma has it
  static CharSet digit();  // \d: decimal numbers

  CharSet complement() const;
  CharSet united(const CharSet& other) const;
  CharSet intersected(const CharSet& other) const;
  // With the other case of every ASCII letter, and the two letters beyond ASCII that fold to one.
  CharSet caseless() const;

  bool contains(uint32_t c) const { return c < 128 ? ascii_[c] : search(c); }
  bool empty() const { return ranges_.empty(); }
  bool operator==(const CharSet& other) const { return ranges_ == other.ranges_; }

 private:
  bool search(uint32_t c) const;

  std::vector<CodeRange> ranges_;  // ascending, apart
  std::bitset<128> ascii_;
};

}  // namespace lemma
