// How text without special tokens becomes tokens: normalizer, words, and the model's way to cut a word. Immutable, any
// thread.
#pragma once

#include <string_view>
#include <vector>

#include "engine/api/types.h"

namespace lemma {

class SubwordModel {
 public:
  virtual ~SubwordModel() = default;
  // Appends the tokens of a stretch of text that ends, or is cut off by a token that was written out, at both sides.
  // `opensInput`: nothing stands before it.
  virtual void encode(std::string_view text, bool opensInput, std::vector<Token>& out) const = 0;
};

}  // namespace lemma
