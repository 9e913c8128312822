// How one word of a pre-tokenizer becomes tokens. Immutable, any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/api/types.h"

namespace lemma {

class WordModel {
 public:
  virtual ~WordModel() = default;
  // Appends the tokens of a word; `scratch` is kept from word to word to save allocations.
  virtual void encodeWord(std::string_view word, std::vector<int32_t>& scratch, std::vector<Token>& out) const = 0;
};

}  // namespace lemma
