#include "engine/tokenizer/char_bpe.h"

#include "engine/tokenizer/unicode_class.h"

namespace lemma {

void CharBpe::addMerge(std::string_view left, std::string_view right) {
  const auto l = vocabulary_->subword(left), r = vocabulary_->subword(right);
  const auto merged = l && r ? vocabulary_->subword(std::string(left).append(right)) : std::nullopt;
  if (merged) {
    merges_.add(int32_t(*l), int32_t(*r), int32_t(*merged));
  } else {
    merges_.skip();
  }
}

void CharBpe::encodeWord(std::string_view word, std::vector<int32_t>& symbols, std::vector<Token>& out) const {
  if (options_.wholeWords) {
    if (const auto whole = vocabulary_->subword(word)) {
      out.push_back(*whole);
      return;
    }
  }
  symbols.clear();
  bool afterUnknown = false;
  for (size_t i = 0; i < word.size();) {
    const auto character = word.substr(i, size_t(decodeUtf8(word, i).bytes));
    i += character.size();
    const bool wasUnknown = afterUnknown;
    afterUnknown = false;
    if (const auto token = vocabulary_->subword(character)) {
      symbols.push_back(int32_t(*token));
    } else if (!options_.bytes.append(character, symbols) && options_.unknown) {
      if (!wasUnknown || !options_.fuseUnknown) symbols.push_back(int32_t(*options_.unknown));
      afterUnknown = true;
    }
  }
  merges_.apply(symbols);
  for (const int32_t s : symbols) out.push_back(Token(s));
}

}  // namespace lemma
