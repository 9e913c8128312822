#include "engine/tokenizer/vocabulary.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>
#include <limits>

namespace lemma {

void Vocabulary::reserve(size_t tokens, size_t bytes) {
  starts_.reserve(tokens + 1);
  kinds_.reserve(tokens);
  bytes_.reserve(bytes);
}

bool Vocabulary::add(std::string_view piece, TokenKind kind) {
  if (piece.size() > std::numeric_limits<uint32_t>::max() - bytes_.size()) return false;
  bytes_ += piece;
  starts_.push_back(uint32_t(bytes_.size()));
  kinds_.push_back(kind);
  return true;
}

// Seeded by all pieces, so that a file cannot be made whose tokens fall into few slots.
uint64_t Vocabulary::hash(std::string_view bytes) const {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed_);
}

void Vocabulary::index() {
  seed_ = XXH3_64bits(bytes_.data(), bytes_.size());
  slots_.assign(std::bit_ceil(kinds_.size() * 3 / 2 + 1), -1);
  const size_t mask = slots_.size() - 1;
  for (int32_t id = 0; id < size(); ++id) {
    const std::string_view text = piece(Token(id));
    if (text.empty() || lookUp(text, isSubword(Token(id)))) continue;
    size_t slot = hash(text) & mask;
    while (slots_[slot] >= 0) slot = (slot + 1) & mask;
    slots_[slot] = id;
  }
}

std::optional<Token> Vocabulary::lookUp(std::string_view bytes, bool subword) const {
  if (slots_.empty()) return std::nullopt;
  const size_t mask = slots_.size() - 1;
  for (size_t slot = hash(bytes) & mask; slots_[slot] >= 0; slot = (slot + 1) & mask) {
    const Token token{slots_[slot]};
    if (isSubword(token) == subword && piece(token) == bytes) return token;
  }
  return std::nullopt;
}

std::optional<Token> Vocabulary::find(std::string_view bytes) const {
  const auto added = lookUp(bytes, false);
  return added ? added : lookUp(bytes, true);
}

}  // namespace lemma
