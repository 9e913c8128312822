// The text that the killed writer streams: every byte tells its place.
#pragma once

#include <string>

namespace lemma::storage {

inline std::string pattern(size_t from, size_t count) {
  std::string out;
  for (size_t i = from; i < from + count; ++i) out += static_cast<char>(i % 61 == 60 ? '\n' : 'A' + i * 7 % 57);
  return out;
}

}  // namespace lemma::storage
