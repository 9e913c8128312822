// The tokens of a model: the bytes each stands for, its kind, and lookups by bytes.
// Built once by add() and index(), then immutable; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/api/types.h"

namespace lemma {

// Numbered as in tokenizer.ggml.token_type.
enum class TokenKind : uint8_t { undefined, normal, unknown, control, userDefined, unused, byte };

class Vocabulary {
 public:
  void reserve(size_t tokens, size_t bytes);
  // The next token; false where the pieces would grow beyond 4 GiB.
  bool add(std::string_view piece, TokenKind kind);
  void setKind(Token token, TokenKind kind) { kinds_[size_t(token)] = kind; }
  // Makes the lookups; after it, kinds and pieces stay.
  void index();

  int size() const { return int(kinds_.size()); }
  bool has(Token token) const { return int32_t(token) >= 0 && int32_t(token) < size(); }
  std::string_view piece(Token token) const {
    const size_t i = size_t(token);
    return std::string_view(bytes_).substr(starts_[i], starts_[i + 1] - starts_[i]);
  }
  TokenKind kind(Token token) const { return kinds_[size_t(token)]; }

  // Tokens that text is made of: of several with the same bytes the first. Never control, unknown or added tokens.
  std::optional<Token> subword(std::string_view bytes) const { return lookUp(bytes, true); }
  // Any token; one that is no subword before one that is.
  std::optional<Token> find(std::string_view bytes) const;

 private:
  bool isSubword(Token token) const { return kind(token) <= TokenKind::normal; }
  uint64_t hash(std::string_view bytes) const;
  std::optional<Token> lookUp(std::string_view bytes, bool subword) const;

  std::string bytes_;
  std::vector<uint32_t> starts_ = {0};  // one more than tokens
  std::vector<TokenKind> kinds_;
  std::vector<int32_t> slots_;  // open addressing, a power of two; -1 = free
  uint64_t seed_ = 0;
};

}  // namespace lemma
