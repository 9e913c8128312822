// Who guesses the tokens that follow a text, so that one pass of the model can check several of them. A guess costs or
// saves time and never changes an answer: what the sampler draws decides. One proposer is one file.
// Owner: the Speculator of one answer; the engine's thread.
#pragma once

#include <span>
#include <vector>

#include "engine/api/types.h"

namespace lemma {

struct Proposal {
  std::vector<Token> tokens;  // in the order of the text
  int grade = 0;              // below Proposer::kGrades: how much the proposer itself thinks of it
};

class Proposer {
 public:
  static constexpr int kGrades = 3;

  virtual ~Proposer() = default;
  // At most `most` tokens that follow `text`; none where it has no idea.
  virtual void propose(std::span<const Token> text, int most, Proposal& out) = 0;
  // Guessing takes so little time that it can be done only to see how often it is right.
  virtual bool cheap() const = 0;
  // Wants read(): the model then keeps the hidden states of the last kHiddenRows tokens of a prompt and of all later.
  virtual bool readsHidden() const { return false; }
  // The model's hidden states {rows, embedding} at positions `first` and on; all of them are part of the text.
  virtual void read(int /*first*/, std::span<const float> /*hidden*/) {}

  static constexpr int kHiddenRows = 8;
};

}  // namespace lemma
