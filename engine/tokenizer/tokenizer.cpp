#include "engine/tokenizer/tokenizer.h"

#include <algorithm>

namespace lemma {

Result<std::unique_ptr<Tokenizer>> Tokenizer::of(const ModelFile& file) {
  if (file.ggufVersion > 0) return fromGguf(file.header);
  if (!file.tokenizer.tokenizer.empty()) return fromJson(file.tokenizer);
  return fail(Err::notFound, "the folder holds no tokenizer.json, by which its model reads and writes text");
}

std::vector<Token> Tokenizer::encode(std::string_view text, bool parseSpecial) const {
  const SpecialMatcher& matcher = parseSpecial ? *addedAndControl_ : *added_;
  return encodeAround(text, [&](size_t at) { return matcher.find(text, at); });
}

std::vector<Token> Tokenizer::encode(std::string_view text, std::span<const TextRange> typed) const {
  auto range = typed.begin();
  return encodeAround(text, [&](size_t at) {
    auto match = addedAndControl_->find(text, at);
    while (match && isControl(match->token)) {
      while (range != typed.end() && range->end <= match->begin) ++range;
      if (range == typed.end() || range->begin >= match->end) break;
      match = addedAndControl_->find(text, match->begin + 1);
    }
    return match;
  });
}

template <class Find>
std::vector<Token> Tokenizer::encodeAround(std::string_view text, Find find) const {
  std::vector<Token> out;
  for (size_t at = 0; at < text.size();) {
    const auto match = find(at);
    const size_t end = match ? match->first : text.size();
    if (end > at) model_->encode(text.substr(at, end - at), at == 0, out);
    if (!match) break;
    out.push_back(match->token);
    at = match->last;
  }
  return out;
}

std::string_view Tokenizer::piece(Token token) const {
  return vocabulary_.has(token) ? vocabulary_.piece(token) : std::string_view();
}

std::string Tokenizer::decode(std::span<const Token> tokens, bool skipControl) const {
  std::string out;
  bool dropSpace = special_.spacePrefix;
  for (const Token token : tokens) {
    if (skipControl && isControl(token)) continue;
    std::string_view text = piece(token);
    if (dropSpace && !isControl(token)) {
      if (text.starts_with(' ')) text.remove_prefix(1);
      dropSpace = false;
    }
    out += text;
  }
  return out;
}

bool Tokenizer::isControl(Token token) const {
  if (!vocabulary_.has(token)) return false;
  const TokenKind kind = vocabulary_.kind(token);
  return kind == TokenKind::control || kind == TokenKind::unknown;
}

bool Tokenizer::isEndOfGeneration(Token token) const { return std::binary_search(ends_.begin(), ends_.end(), token); }

std::optional<Token> Tokenizer::find(std::string_view exactText) const { return vocabulary_.find(exactText); }

}  // namespace lemma
