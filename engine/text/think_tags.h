// The ways models mark their thoughts: one row of a table each.
// Pure constants, any thread. Read by the splitter of generated text and by the chat template.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace lemma {

struct ThinkFormat {
  // Where the opening tag counts once an answer has begun. It always counts at the start of a message.
  enum class Reopens : uint8_t {
    ifSeen,    // at the start of a line, if this message has thought in this format before (the tag is a common word)
    atLine,    // at the start of a line
    anywhere,  // as ifSeen, and in the middle of a line too (control tokens)
  };
  std::string_view open, close;
  Reopens reopens = Reopens::ifSeen;
  bool closeIsClear = true;                       // the closing tag alone says that a thought ends (`<|end|>` does not)
  std::array<std::string_view, 5> answerMarks{};  // frame the answer, never part of it
  std::string_view answerLead{};  // what leads from a thought that was closed for the model to the words of its answer
  bool takesEffort = false;       // its templates ask for reasoning_effort: low, medium or high
};

using ThinkTags = std::span<const ThinkFormat>;

// Every format this program knows.
ThinkTags thinkTags();

// The format whose opening tag stands in `text` with no closing tag after it, or null. With several the last one.
const ThinkFormat* openThought(std::string_view text, ThinkTags tags = thinkTags());

}  // namespace lemma
