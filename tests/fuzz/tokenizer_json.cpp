// Tokenizers built from an arbitrary tokenizer.json, then text through them. The input: a u16 length of the text
// (little endian), the text, the file.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "engine/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t length = std::min(size_t(data[0] | data[1] << 8), size - 2);
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, length);
  const std::string_view file(reinterpret_cast<const char*>(data) + 2 + length, size - 2 - length);
  const auto tokenizer = lemma::Tokenizer::fromJson({.tokenizer = file});
  if (!tokenizer) return tokenizer.error().what.empty() ? (__builtin_trap(), 0) : 0;
  for (const bool parseSpecial : {false, true}) {
    const auto ids = (*tokenizer)->encode(text, parseSpecial);
    for (const lemma::Token id : ids) {
      if (int(id) < 0 || int(id) >= (*tokenizer)->size()) __builtin_trap();
    }
    (*tokenizer)->decode(ids, true);
    (*tokenizer)->decode(ids, false);
  }
  return 0;
}
