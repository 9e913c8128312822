// Text to tokens and back, as the model was trained. Everything it is made of comes from a model file and is checked
// on the way in. Text that a person wrote never becomes a control token unless the caller asks for it (parseSpecial).
// Immutable after construction; any thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api/types.h"
#include "engine/model_file/model_file.h"
#include "engine/tokenizer/special_matcher.h"
#include "engine/tokenizer/subword_model.h"
#include "engine/tokenizer/text_range.h"
#include "engine/tokenizer/vocabulary.h"
#include "kernels/api/result.h"

namespace lemma {

class Tokenizer {
 public:
  // Of a model in whatever format; notFound where it has none.
  static Result<std::unique_ptr<Tokenizer>> of(const ModelFile& file);

  // Copies what it needs: the header's bytes may go away afterwards. notFound where the file has no tokenizer,
  // unsupported for a tokenizer or pre-tokenizer this build does not know, badValue for a broken one.
  static Result<std::unique_ptr<Tokenizer>> fromGguf(const ModelHeader& header);

  // From the texts of a Hugging Face folder; copies what it needs. The same errors, and tooLarge beyond a limit.
  static Result<std::unique_ptr<Tokenizer>> fromJson(const TokenizerFiles& files);

  // Adds no bos. Added tokens that are not control tokens (<think> of some models) are found in any text; control
  // tokens only with parseSpecial.
  std::vector<Token> encode(std::string_view text, bool parseSpecial) const;
  // A prompt: control tokens are parsed, except where they touch one of the `typed` ranges (ascending, apart), which
  // hold what a person wrote. Text between two such tokens is one stretch, so the ranges leave no seams.
  std::vector<Token> encode(std::string_view text, std::span<const TextRange> typed) const;
  // The bytes this token stands for, perhaps a part of a code point; of control tokens their text; empty for ids
  // outside the vocabulary.
  std::string_view piece(Token token) const;
  // `skipControl`: control and unknown tokens leave nothing. The space that encode put in front is taken away again.
  std::string decode(std::span<const Token> tokens, bool skipControl) const;

  bool isControl(Token token) const;
  bool isEndOfGeneration(Token token) const;
  std::span<const Token> endOfGeneration() const { return ends_; }  // ascending
  std::optional<Token> find(std::string_view exactText) const;      // an added or control token before a plain one
  int size() const { return vocabulary_.size(); }
  std::optional<Token> bos() const { return special_.bos; }
  std::optional<Token> eos() const { return special_.eos; }
  std::optional<Token> pad() const { return special_.pad; }
  std::optional<Token> unknown() const { return special_.unknown; }
  bool addBos() const { return special_.addBos; }  // the model wants bos before a text without template
  bool addEos() const { return special_.addEos; }

 private:
  friend class TokenizerBuilder;
  struct Special {
    std::optional<Token> bos, eos, pad, unknown;
    bool addBos = false, addEos = false;
    bool spacePrefix = false;  // SentencePiece: text begins with a space that is not there
  };
  Tokenizer() = default;
  // find(at) -> the next token that is written out in the text, from `at` on.
  template <class Find>
  std::vector<Token> encodeAround(std::string_view text, Find find) const;

  Vocabulary vocabulary_;
  std::unique_ptr<SubwordModel> model_;
  std::optional<SpecialMatcher> added_, addedAndControl_;
  std::vector<Token> ends_;  // ascending
  Special special_;
};

}  // namespace lemma
