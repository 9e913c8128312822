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
  // A model without a template is spoken to in ChatML where its vocabulary knows it, else in plain labelled lines.
  static Result<std::unique_ptr<PromptBuilder>> make(const Model& model);

  // Err::contextFull where even the last turn alone does not fit into `context` with room to answer.
  Result<BuiltPrompt> build(const ChatRequest& request, int context) const;

  // Tokens that close a cut thought and lead on to the answer.
  std::vector<Token> closeThought(const BuiltPrompt& prompt) const;

 private:
  explicit PromptBuilder(const Model& model) : model_(model) {}
  Result<PromptText> render(const ChatTemplate& chat, const std::vector<ChatTurn>& turns,
                            const ThinkBudget& think) const;
  TurnMarks learnMarks() const;
  Result<BuiltPrompt> assemble(const ChatTemplate& chat, const ChatRequest& request, const std::vector<ChatTurn>& turns,
                               BuiltPrompt out, int leftOut) const;

  const Model& model_;
  std::unique_ptr<ChatTemplate> chat_;
  const ThinkFormat* format_ = nullptr;
  TurnMarks marks_;
};

}  // namespace lemma
