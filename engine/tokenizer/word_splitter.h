// Cuts normalized text into the words that a model cuts into tokens, by the steps that a model file names: each step
// works on every piece that the step before it left, may leave characters out and may write new ones.
// Built once, then immutable; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/char_set.h"
#include "engine/tokenizer/pretokenizer.h"
#include "engine/tokenizer/regex.h"
#include "engine/tokenizer/text_range.h"

namespace lemma {

// The pieces of a text, ascending and apart.
struct TextPieces {
  std::string text;
  std::vector<TextRange> ranges;
  bool opensInput = true;
  bool byteLevel = false;  // the text is written in GPT-2's alphabet of bytes

  std::string_view operator[](size_t i) const {
    return std::string_view(text).substr(ranges[i].begin, ranges[i].end - ranges[i].begin);
  }
};

class SplitStep {
 public:
  virtual ~SplitStep() = default;
  virtual void apply(TextPieces& pieces) const = 0;
};

// What becomes of the matches that cut a text.
enum class SplitBehavior : uint8_t { removed, isolated, mergedWithPrevious, mergedWithNext, contiguous };

// By the stages of a row, or by its expression.
std::unique_ptr<SplitStep> splitByPretokenizer(const Pretokenizer& pre);
std::unique_ptr<SplitStep> splitByRegex(Regex regex, SplitBehavior behavior, bool invert);
std::unique_ptr<SplitStep> splitByText(std::string text, SplitBehavior behavior, bool invert);
// Every character of the set is a match of its own.
std::unique_ptr<SplitStep> splitBySet(CharSet set, SplitBehavior behavior);

enum class PrependScheme : uint8_t { never, first, always };
// Spaces become `mark`, one is put in front as `prepend` says, and with `split` words begin at a mark.
std::unique_ptr<SplitStep> markSpaces(std::string mark, PrependScheme prepend, bool split);
// Puts a space in front of pieces that have none.
std::unique_ptr<SplitStep> prependSpace();
// Writes every byte as its character in GPT-2's alphabet.
std::unique_ptr<SplitStep> writeByteLevel();

}  // namespace lemma
