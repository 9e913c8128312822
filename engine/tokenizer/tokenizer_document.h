// A tokenizer.json, read in one pass with its limits: the vocabulary and the merges as plain rows, for they are most of
// the file, everything else as a small tree. Owner: the caller; a value, one thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/api/result.h"

namespace lemma {

// Many short texts one after the other.
class TextRows {
 public:
  void add(std::string_view text) {
    text_ += text;
    ends_.push_back(uint32_t(text_.size()));
  }
  size_t size() const { return ends_.size(); }
  std::string_view operator[](size_t i) const {
    const size_t begin = i ? ends_[i - 1] : 0;
    return std::string_view(text_).substr(begin, ends_[i] - begin);
  }
  size_t bytes() const { return text_.size(); }

 private:
  std::string text_;
  std::vector<uint32_t> ends_;
};

struct TokenizerDocument {
  static constexpr size_t kMostBytes = 128u << 20;
  static constexpr size_t kMostTokens = 1u << 22, kMostMerges = 1u << 23;
  static constexpr size_t kMostHoles = 1u << 18;   // ids without a token, which cost memory that the file does not have
  static constexpr size_t kMostValues = 1u << 20;  // of the tree
  static constexpr int kDeepest = 32;

  nlohmann::json tree;         // without model.vocab and model.merges
  TextRows tokens;             // model.vocab, as it stands there
  std::vector<int64_t> ids;    // of each token where the vocabulary is an object
  std::vector<double> scores;  // of each token where it is a list
  TextRows merges;             // both parts of each, one after the other
  bool hasMerges = false;

  // `name`: the file's, for the sentence of an error.
  static Result<TokenizerDocument> parse(std::string_view name, std::string_view text);
};

}  // namespace lemma
