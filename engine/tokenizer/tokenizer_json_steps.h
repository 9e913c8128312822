// The normalizer, pre-tokenizer, decoder and post-processor of a tokenizer.json, as steps. One thread.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/normalizer.h"
#include "engine/tokenizer/vocabulary.h"
#include "engine/tokenizer/word_splitter.h"
#include "kernels/api/result.h"

namespace lemma {

struct TokenizerSteps {
  std::vector<std::unique_ptr<NormalizerStep>> normalizer;
  std::vector<std::unique_ptr<SplitStep>> splitter;
  bool byteLevel = false;                                     // the vocabulary is written in GPT-2's alphabet of bytes
  bool byteFallback = false;                                  // tokens like <0x0A> stand for bytes
  bool dropsFirstSpace = false;                               // of decoded text
  std::vector<std::pair<std::string, std::string>> replaced;  // in a token's text, when it is decoded
  std::string charsMap;       // of a step Precompiled, as SentencePiece writes it; empty = none
  std::string before, after;  // special tokens that the post-processor puts around a text; empty = none

  // What a token of the vocabulary stands for, appended to out.
  TokenKind decodePiece(std::string_view text, std::string& out) const;
};

// badValue for a step that is broken, unsupported for one of a type that is not known.
Result<TokenizerSteps> readTokenizerSteps(const nlohmann::json& tree);

// Members of an object; null where absent.
const nlohmann::json* member(const nlohmann::json& object, std::string_view key);
std::string textOf(const nlohmann::json& object, std::string_view key);  // empty where it is no text
bool flagOf(const nlohmann::json& object, std::string_view key, bool otherwise);

}  // namespace lemma
