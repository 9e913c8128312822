// Rewrites text before it is cut into words, by the steps that a model file names. Built once, then immutable; any
// thread. Time and output are linear in the text.
#pragma once

#include <memory>
#include <string>

#include "engine/tokenizer/regex.h"

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

}  // namespace lemma
