// The precompiled character map of SentencePiece: texts and what each is replaced by, found through a double-array
// trie. Comes from foreign bytes: every index is checked. Immutable, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/api/result.h"

namespace lemma {

class CharsMap {
 public:
  static constexpr size_t kMostBytes = 16u << 20, kLongestReplacement = 1024;

  // `name`: of the key that holds the bytes, for the sentence of an error.
  static Result<CharsMap> parse(std::string_view name, std::string_view bytes);

  struct Match {
    size_t bytes;  // of the text, from its begin
    std::string_view replacement;
  };
  std::optional<Match> shortest(std::string_view text) const;
  std::optional<Match> longest(std::string_view text) const;

 private:
  std::optional<Match> search(std::string_view text, bool stopAtFirst) const;

  std::vector<uint32_t> units_;
  std::string replacements_;  // each ends in a zero
};

// The bytes of a text in base64; empty where it is none.
std::optional<std::string> decodeBase64(std::string_view text);

}  // namespace lemma
