// The tokens that stand for single bytes, for text that a vocabulary has no other tokens for. A value.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/api/types.h"

namespace lemma {

class ByteTokens {
 public:
  ByteTokens() { tokens_.fill(-1); }
  void set(uint8_t byte, Token token) { tokens_[byte] = int32_t(token); }

  // Appends a token for each byte, or where one of them has none nothing: false then.
  template <class T>
  bool append(std::string_view bytes, std::vector<T>& out) const {
    const auto known = [&](char c) { return tokens_[uint8_t(c)] >= 0; };
    if (!std::all_of(bytes.begin(), bytes.end(), known)) return false;
    for (const char c : bytes) out.push_back(T(tokens_[uint8_t(c)]));
    return true;
  }

 private:
  std::array<int32_t, 256> tokens_;
};

}  // namespace lemma
