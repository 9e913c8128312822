// Bytes [begin, end) of a text. A value.
#pragma once

#include <cstddef>

namespace lemma {

struct TextRange {
  size_t begin = 0, end = 0;
};

}  // namespace lemma
