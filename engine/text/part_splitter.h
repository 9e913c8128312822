// Splits generated text into thought and answer. Pure: no clock, no threads. One splitter per generated message.
// Gives the same parts however the text is cut; holds back one partial tag or the blank space before one.
// A tag in a code fence or code span of the answer is content. Only tags and the blank space that belongs to
// them (blank lines at the start of a part, spaces after a tag) are dropped; every other byte comes out once.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api/types.h"
#include "engine/text/think_tags.h"

namespace lemma {

class PartSplitter {
 public:
  // startsInThink: the prompt ends inside a thought (PromptText::opensThink), so only the closing tag will come:
  // that of `opened`, an element of `tags` (PromptText::openedBy), or any clear one where it is null.
  explicit PartSplitter(bool startsInThink, ThinkTags tags = thinkTags(), const ThinkFormat* opened = nullptr);

  // Goes on with a part of which `soFar` is already there: nothing of it comes out again, and blank space at the
  // start is content. Call before the first push().
  void resume(PartKind kind, std::string_view soFar);

  // No empty deltas; PartDelta::tokens is left 0. Whole code points come out where whole ones came in. What comes out
  // lives until the next call.
  std::span<const PartDelta> push(std::string_view text);
  // The end of the message: what was held back is content.
  std::span<const PartDelta> flush();

  bool inThink() const { return mode_ == Mode::think; }
  bool thoughtClosed() const { return closed_; }
  // A closing tag came although no thought was open: what was given out as answer before it had been the thought.
  bool endTagOnly() const { return endTagOnly_; }

 private:
  enum class Mode : uint8_t { start, think, answer };
  enum class Role : uint8_t { open, close, mark };
  struct Match {
    bool partial = false;
    Role role = Role::open;
    size_t format = 0;
    size_t length = 0;  // 0: no tag
  };

  void scan(bool final);
  Match match(std::string_view rest) const;
  bool counts(Role role, size_t format) const;
  void apply(const Match& m);
  void take(char c);
  void emit(char c);
  void track(char c);
  void startPart(Mode mode);
  bool lineStart() const { return lineBlank_ && indent_ <= 3; }

  ThinkTags tags_;
  std::vector<bool> seen_;  // formats this message has used
  Mode mode_ = Mode::start;
  std::optional<size_t> format_;  // of the open thought; none where the prompt opened it
  bool partEmpty_ = true;         // nothing but blank space in the current part so far
  bool closed_ = false;
  bool endTagOnly_ = false;
  bool onTagLine_ = false;      // still on the line of the tag that began the part
  std::string blank_;           // blank space at the start of a part, until it is known what follows
  std::string buffer_;          // a partial tag
  std::vector<PartDelta> out_;  // the first `given_` of them; the others keep their memory
  size_t given_ = 0;

  // Markdown's code in the answer: fences (CommonMark 4.5, at any indent because lists indent) and code spans of a
  // line.
  int indent_ = 0;
  bool lineBlank_ = true;
  char fenceChar_ = 0;  // of the open fence
  int fenceRun_ = 0;
  char runChar_ = 0;  // the run of backticks or tildes that starts this line
  int run_ = 0;
  bool runEnded_ = false, afterRunBlank_ = true, afterRunTick_ = false;
  int ticks_ = 0;      // the run of backticks just before here
  int spanTicks_ = 0;  // length of the run that opened the code span
};

}  // namespace lemma
