// How text without special tokens becomes tokens: byte-level BPE or SentencePiece BPE. Immutable, any thread.
#pragma once

#include <string_view>
#include <vector>

#include "engine/api/types.h"

namespace lemma {

class SubwordModel {
 public:
  virtual ~SubwordModel() = default;
  // Appends the tokens of text. `afterSpecial`: the text opens the input or follows a special token.
  virtual void encode(std::string_view text, bool afterSpecial, std::vector<Token>& out) const = 0;
};

}  // namespace lemma
