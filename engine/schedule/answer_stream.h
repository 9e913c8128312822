// One answer while it is generated: turns sampled tokens into thought and answer text, watches budgets, stop
// strings, repetition and the person's "answer now", and says which tokens the model must read next.
// Owner: the Engine's running request; engine thread only, no clock, no model. Emits events through the sink.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/api/types.h"
#include "engine/schedule/prompt_builder.h"
#include "engine/text/part_splitter.h"
#include "engine/text/stop_matcher.h"
#include "engine/text/utf8_stream.h"
#include "engine/tokenizer/tokenizer.h"

namespace lemma {

struct AnswerLimits {
  int thinkTokens = 0;    // most tokens of thought
  int answerTokens = 0;   // most tokens of the answer
  int contextTokens = 0;  // tokens that still fit behind the prompt
};

class AnswerStream {
 public:
  using Sink = std::function<void(const StreamEvent&)>;

  AnswerStream(const Tokenizer& tokenizer, const BuiltPrompt& prompt, std::vector<Token> closeTokens,
               const AnswerLimits& limits, std::vector<std::string> stop, Sink sink);

  struct Next {
    std::span<const Token> feed;  // read these next; empty when finished; lives until the next call
    bool finished = false;
    StopReason reason = StopReason::end;
  };

  // Shows what the scaffold wrote into the thought. Call once, before the first token.
  void begin();
  // Takes one sampled token.
  Next accept(Token token);
  // True while the next token must not end the generation: nothing has been said yet that had to be said.
  bool mustGoOn() const;
  // "Answer now": the thought is closed with the next token that ends on a whole code point.
  void endThought() { personWantsAnswer_ = true; }
  // Shows everything held back; call when the answer ends for whatever reason.
  void flush();

  bool inThink() const { return inThink_; }
  int thinkTokens() const { return thinkTokens_; }
  int answerTokens() const { return answerTokens_; }

 private:
  void show(std::span<const PartDelta> deltas);
  bool showAnswer(std::string_view text);  // true when a stop string was met
  void say(PartKind kind, std::string_view text, int tokens);
  Next closeThought(ThoughtEnded::Why why, std::optional<Token> before);
  bool thoughtRepeats();

  const Tokenizer& tokenizer_;
  const ThinkFormat& format_;
  std::string resumed_;
  std::string shownPrefix_;
  std::vector<Token> closeTokens_;
  AnswerLimits limits_;
  Sink sink_;
  Utf8Stream utf8_;
  PartSplitter splitter_;
  StopMatcher stopMatcher_;
  StreamEvent said_ = PartDelta{};  // reused, as are the tokens, so that a token allocates nothing
  std::vector<Token> feed_;
  std::vector<Token> thought_;  // its end, for the repetition check
  bool inThink_ = false;
  bool thoughtWasCut_ = false;
  bool personWantsAnswer_ = false;
  bool stopped_ = false;
  bool saidThought_ = false, saidAnswer_ = false;  // something other than white space
  int thinkTokens_ = 0, answerTokens_ = 0, fed_ = 0;
};

}  // namespace lemma
