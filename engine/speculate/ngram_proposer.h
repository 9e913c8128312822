// Guesses that the text goes on as it did the last time that its last tokens stood in it, the prompt included.
// Pure: no model. Owner and thread as proposer.h says.
#pragma once

#include "engine/speculate/proposer.h"

namespace lemma {

class NgramProposer final : public Proposer {
 public:
  // The longest repetition counts, up to kLongest tokens; of equally long ones the last.
  static constexpr int kShortest = 2, kLongest = 32;

  void propose(std::span<const Token> text, int most, Proposal& out) override;
  bool cheap() const override { return true; }
};

}  // namespace lemma
