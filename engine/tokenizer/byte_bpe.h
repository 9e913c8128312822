// Byte-level BPE: words from the pre-tokenizer, bytes as the first symbols, pairs merged by rank. n log n in a word's
// length. Bytes for which the vocabulary has no token are left out, as the reference implementation does.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer/pretokenizer.h"
#include "engine/tokenizer/subword_model.h"
#include "engine/tokenizer/vocabulary.h"

namespace lemma {

// GPT-2's way to write bytes as printable characters: what `text` stands for is appended to out. Characters outside
// that alphabet are kept as they are.
void appendByteLevelDecoded(std::string_view text, std::string& out);

class ByteBpe final : public SubwordModel {
 public:
  ByteBpe(const Vocabulary& vocabulary, const Pretokenizer& pre);  // both must outlive it

  // The next merge by rank, of two byte-level texts. Without effect where a part or the whole is no subword.
  void addMerge(std::string_view left, std::string_view right);
  void index();  // after the last merge

  void encode(std::string_view text, bool afterSpecial, std::vector<Token>& out) const override;

 private:
  struct Merge {
    int32_t left, right;
    uint32_t rank;
    int32_t merged;
  };
  struct MergeOfLeft {
    int32_t right;
    uint32_t rank;
    int32_t merged;
  };
  const MergeOfLeft* merge(int32_t left, int32_t right) const;  // null = the two do not merge
  void mergeShort(std::vector<int32_t>& symbols) const;
  void mergeLong(std::vector<int32_t>& symbols) const;
  void encodeWord(std::string_view word, std::vector<int32_t>& symbols, std::vector<Token>& out) const;

  const Vocabulary& vocabulary_;
  const Pretokenizer& pre_;
  std::array<int32_t, 256> byteToken_;
  // Merges by left symbol, then right: those of symbol s are [firstMerge_[s], firstMerge_[s + 1]). Half the memory of
  // a hash table, and no file can make it slow.
  std::vector<uint32_t> firstMerge_;
  std::vector<MergeOfLeft> merges_;
  std::vector<Merge> added_;  // until index()
  uint32_t ranks_ = 0;
  std::string left_, whole_;  // scratch of addMerge
};

}  // namespace lemma
