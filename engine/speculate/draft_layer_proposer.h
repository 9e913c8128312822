// Guesses with the layer that a model brings for it (multi-token prediction): the token after next from the model's
// hidden state and the next token, and further ones from the layer's own hidden states.
// Owner and thread as proposer.h says; the model outlives it.
#pragma once

#include "engine/schedule/stepper.h"
#include "engine/speculate/proposer.h"

namespace lemma {

class DraftLayerProposer final : public Proposer {
 public:
  // At most `rows` rows a pass. Where `cancel` is set meanwhile, nothing is guessed.
  DraftLayerProposer(Stepper& layer, int embedding, int rows, const CancelFlag& cancel);
  ~DraftLayerProposer() override;
  DraftLayerProposer(const DraftLayerProposer&) = delete;
  DraftLayerProposer& operator=(const DraftLayerProposer&) = delete;

  void propose(std::span<const Token> text, int most, Proposal& out) override;
  bool cheap() const override { return false; }
  bool readsHidden() const override { return true; }
  void read(int first, std::span<const float> hidden) override;

 private:
  void restart(int first);
  // One pass over `tokens` behind what the layer's cache holds; the logits are of the last.
  Result<LogitsView> pass(std::span<const Token> tokens, std::span<const float> hidden);

  Stepper& layer_;
  const size_t embedding_;
  const int rows_;
  const CancelFlag& cancel_;
  SeqId seq_{};
  int first_ = 0;  // position of the text at which the layer's sequence begins; only distances matter to it
  int known_ = 0;  // positions of that sequence whose hidden states came from the model
  std::vector<float> waiting_;  // hidden states that the layer has not read: from position first_ + known_ on
  std::vector<float> own_;      // hidden state of the layer's last row
  Batch batch_;
  bool broken_ = false;
};

}  // namespace lemma
