// Splits text into the words within which byte pairs are merged, as a model's training did. A pre-tokenizer is known
// by the name that GGUF gives it and is a list of stages; each splits every piece that the stage before it left.
// The published regular expressions are matched by hand-written scanners, those of few models by Regex: linear time,
// whatever the text. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "engine/tokenizer/unicode_class.h"

namespace lemma {

// The piece being split: bytes [begin, end) of a text and the classes of its characters.
struct SplitWindow {
  std::string_view text;
  const CharClass* classes;
  size_t begin, end;

  CharClass at(size_t i) const { return classes[i]; }
  size_t next(size_t i) const {  // start of the character after the one at i
    do ++i;
    while (i < end && classes[i] == CharClass::inside);
    return i;
  }
};

// End of the match that starts at i, or i where there is none. The character at i exists.
using SplitMatcher = size_t (*)(const SplitWindow& window, size_t i);

struct Pretokenizer {
  std::string_view name;                 // the value of tokenizer.ggml.pre
  std::array<SplitMatcher, 6> stages{};  // ends at the first null
  std::string_view expression{};         // in place of stages: the published expression, run by Regex
  bool wholeWords = false;               // a word that is a token is taken whole, without merges
  bool addBos = false;                   // where the file does not say
};

const Pretokenizer* pretokenizer(std::string_view name);  // null = unknown

// Appends the end of each word of text, ascending; the last is text.size(). `classes` is scratch. For rows of stages.
void splitWords(const Pretokenizer& pre, std::string_view text, std::vector<CharClass>& classes,
                std::vector<size_t>& ends);

}  // namespace lemma
