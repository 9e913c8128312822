// Makes a Tokenizer from whatever a model's files hold: the reader of a format fills in the fields, build() puts the
// parts together. One thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/tokenizer/tokenizer.h"

namespace lemma {

class TokenizerBuilder {
 public:
  TokenizerBuilder() : tokenizer_(new Tokenizer()) {}

  Vocabulary& vocabulary() { return tokenizer_->vocabulary_; }
  Tokenizer::Special& special() { return tokenizer_->special_; }
  void setModel(std::unique_ptr<SubwordModel> model) { tokenizer_->model_ = std::move(model); }
  // The tokens that are looked for in text; without a call those that the vocabulary's kinds say.
  void setWritten(std::vector<WrittenToken> tokens) { written_ = std::move(tokens); }
  void addEnd(Token token) { tokenizer_->ends_.push_back(token); }

  // Makes control tokens, whatever the file calls them, of those whose text is a known end of a turn or text, and
  // counts them and eos as ends. Before the vocabulary is indexed.
  void findEnds();
  std::unique_ptr<Tokenizer> build();

 private:
  std::unique_ptr<Tokenizer> tokenizer_;
  std::optional<std::vector<WrittenToken>> written_;
};

}  // namespace lemma
