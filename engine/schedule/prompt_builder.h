// Turns a ChatRequest into the tokens of its prompt: template, provenance, thinking scaffold, continuation,
// and what is left out when the conversation outgrows the context.
// Owner: the Engine, one for each loaded model; used on the engine's thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/api/types.h"
#include "engine/model.h"
#include "engine/template/chat_template.h"
#include "engine/think/scaffold.h"

namespace lemma {

struct BuiltPrompt {
  std::vector<Token> tokens;
  Scaffold scaffold;
  const ThinkFormat* format = nullptr;  // how this model marks its thoughts
  bool inThink = false;                 // generation starts inside a thought
  std::string resumed;                  // Continue: the words of the part that goes on
  int turnsLeftOut = 0;
};

class PromptBuilder {
 public:
  // A model without a template, or whose template cannot be used, is spoken to in the format its vocabulary knows
  // (fallback_template.h).
  static Result<std::unique_ptr<PromptBuilder>> make(const Model& model);

  // Err::contextFull where even the last turn alone does not fit into `context` with room to answer.
  Result<BuiltPrompt> build(const ChatRequest& request, int context) const;

  // Where the model's own template cannot be used: why, and what is used instead. One sentence, else empty.
  const std::string& notice() const { return notice_; }

  // Tokens that close a cut thought and lead on to the answer.
  std::vector<Token> closeThought(const BuiltPrompt& prompt) const;

 private:
  explicit PromptBuilder(const Model& model) : model_(model) {}
  Result<void> use(const std::string& source);
  Result<PromptText> render(const ChatTemplate& chat, const ThinkFormat& format, const std::vector<ChatTurn>& turns,
                            const ThinkBudget& think) const;
  TurnMarks learnMarks() const;
  Result<BuiltPrompt> assemble(const ChatTemplate& chat, const ChatRequest& request, const std::vector<ChatTurn>& turns,
                               BuiltPrompt out, int leftOut) const;

  const Model& model_;
  std::unique_ptr<ChatTemplate> chat_;
  const ThinkFormat* format_ = nullptr;
  TurnMarks marks_;
  std::string builtin_, notice_;
};

}  // namespace lemma
