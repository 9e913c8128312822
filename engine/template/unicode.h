// Python's view of text for the template's strings: code points, case, letters, white space. Pure, any thread.
// Ill-formed bytes count as one code point each and pass through unchanged.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lemma::jinja {

struct CodePoint {
  uint32_t value = 0;
  size_t size = 1;  // bytes it takes
};
CodePoint codePointAt(std::string_view s, size_t at);
void appendUtf8(std::string& out, uint32_t cp);
size_t codePoints(std::string_view s);
// The byte where the nth code point begins; s.size() beyond the end.
size_t byteOf(std::string_view s, size_t n);

std::string upperOf(uint32_t cp);
std::string lowerOf(uint32_t cp);
bool isUpper(uint32_t cp);
bool isLower(uint32_t cp);
bool isAlpha(uint32_t cp);
bool isSpace(uint32_t cp);
bool isPrintable(uint32_t cp);
inline bool isDigit(uint32_t cp) { return cp >= '0' && cp <= '9'; }

}  // namespace lemma::jinja
