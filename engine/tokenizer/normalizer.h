// Rewrites text before it is cut into words, by the steps that a model file names. Built once, then immutable; any
// thread. Time and output are linear in the text.
#pragma once

#include <memory>
#include <string>

#include "engine/tokenizer/charsmap.h"
#include "engine/tokenizer/regex.h"
#include "engine/tokenizer/unicode_forms.h"

namespace lemma {

class NormalizerStep {
 public:
  virtual ~NormalizerStep() = default;
  virtual void apply(std::string& text) const = 0;
};

std::unique_ptr<NormalizerStep> replaceText(std::string from, std::string to);
std::unique_ptr<NormalizerStep> replaceRegex(Regex from, std::string to);
std::unique_ptr<NormalizerStep> prependText(std::string front);  // to text that is not empty
std::unique_ptr<NormalizerStep> stripSpaces(bool left, bool right);
std::unique_ptr<NormalizerStep> toUnicodeForm(UnicodeForm form);
std::unique_ptr<NormalizerStep> toLowerCase();
std::unique_ptr<NormalizerStep> withoutMarks();
// Runs of spaces become one, none is left at the ends: SentencePiece's extra white space.
std::unique_ptr<NormalizerStep> withoutExtraSpaces();
// As SentencePiece: the longest text of the map at each place.
std::unique_ptr<NormalizerStep> mapLongest(CharsMap map);
// As the `tokenizers` library: whole short grapheme clusters first, by the shortest text, then single characters.
std::unique_ptr<NormalizerStep> mapGraphemes(CharsMap map);

}  // namespace lemma
