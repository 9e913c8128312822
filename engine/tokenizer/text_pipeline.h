// A subword model of steps: normalizer, added tokens that are looked for in normalized text, words, tokens of a word.
// Filled, then immutable; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/tokenizer/normalizer.h"
#include "engine/tokenizer/special_matcher.h"
#include "engine/tokenizer/subword_model.h"
#include "engine/tokenizer/word_model.h"
#include "engine/tokenizer/word_splitter.h"

namespace lemma {

class TextPipeline final : public SubwordModel {
 public:
  explicit TextPipeline(std::unique_ptr<WordModel> words) : words_(std::move(words)) {}
  void add(std::unique_ptr<NormalizerStep> step) { normalizer_.push_back(std::move(step)); }
  void add(std::unique_ptr<SplitStep> step) { splitter_.push_back(std::move(step)); }
  void setAdded(SpecialMatcher added) { added_.emplace(std::move(added)); }

  std::string normalized(std::string_view text) const;
  void encode(std::string_view text, bool opensInput, std::vector<Token>& out) const override;

 private:
  void encodeWords(std::string_view text, bool opensInput, std::vector<int32_t>& scratch,
                   std::vector<Token>& out) const;

  std::vector<std::unique_ptr<NormalizerStep>> normalizer_;
  std::optional<SpecialMatcher> added_;
  std::vector<std::unique_ptr<SplitStep>> splitter_;
  std::unique_ptr<WordModel> words_;
};

}  // namespace lemma
