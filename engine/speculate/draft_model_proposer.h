// Guesses with a smaller model of the same vocabulary.
// Owner and thread as proposer.h says; the pool and its model outlive it.
#pragma once

#include "engine/model_file/model_header.h"
#include "engine/schedule/sequence_pool.h"
#include "engine/speculate/proposer.h"
#include "engine/tokenizer/tokenizer.h"

namespace lemma {

// Whether guesses of a model with the tokens of `draft` mean the same to one with those of `model`; where they do not,
// a sentence that names `path`, the draft's. One of the two may have some tokens more: files are padded differently.
Result<void> sameVocabulary(const Tokenizer& model, const Tokenizer& draft, const std::string& path);

class DraftModelProposer final : public Proposer {
 public:
  // `vocabulary` of the model that is guessed for. At most `rows` rows a pass. Where `cancel` is set, nothing is
  // guessed.
  DraftModelProposer(Model& draft, SequencePool& pool, int vocabulary, int rows, const CancelFlag& cancel);
  ~DraftModelProposer() override;
  DraftModelProposer(const DraftModelProposer&) = delete;
  DraftModelProposer& operator=(const DraftModelProposer&) = delete;

  void propose(std::span<const Token> text, int most, Proposal& out) override;
  bool cheap() const override { return false; }

 private:
  Result<LogitsView> pass(std::span<const Token> tokens);

  Model& draft_;
  SequencePool& pool_;
  const int vocabulary_, rows_;
  const CancelFlag& cancel_;
  SeqId seq_{};
  bool hasSequence_ = false, broken_ = false;
  std::vector<Token> held_;  // what the draft's cache holds
  Batch batch_;
};

}  // namespace lemma
