#include "engine/tokenizer/tokenizer_builder.h"

#include <algorithm>
#include <iterator>

namespace lemma {
namespace {

// Texts by which models of the field end an answer, sorted. Files often mark only one of those a model was trained
// with.
constexpr std::string_view kEndTexts[] = {
    "</s>",
    "<EOT>",
    "<end_of_turn>",
    "<eos>",
    "<|END_OF_TURN_TOKEN|>",
    "<|call|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<|eom_id|>",
    "<|eos|>",
    "<|eot_id|>",
    "<|im_end|>",
    "<|return|>",
    "[EOS]",
    "[EOT]",
    "_<EOT>",
    "<\uff5cend\u2581of\u2581sentence\uff5c>",
};

}  // namespace

void TokenizerBuilder::findEnds() {
  Vocabulary& v = vocabulary();
  for (int32_t id = 0; id < v.size(); ++id) {
    const Token token{id};
    const std::string_view text = v.piece(token);
    if (text.size() < 4 || (text[0] != '<' && text[0] != '[' && text[0] != '_')) continue;
    if (std::find(std::begin(kEndTexts), std::end(kEndTexts), text) == std::end(kEndTexts)) continue;
    if (v.kind(token) != TokenKind::unknown) v.setKind(token, TokenKind::control);
    addEnd(token);
  }
  if (special().eos) addEnd(*special().eos);
}

std::unique_ptr<Tokenizer> TokenizerBuilder::build() {
  Tokenizer& t = *tokenizer_;
  std::sort(t.ends_.begin(), t.ends_.end());
  t.ends_.erase(std::unique(t.ends_.begin(), t.ends_.end()), t.ends_.end());
  if (!written_) {
    written_.emplace();
    for (int32_t id = 0; id < t.size(); ++id) {
      const TokenKind kind = t.vocabulary_.kind(Token(id));
      if (kind != TokenKind::userDefined && kind != TokenKind::control && kind != TokenKind::unknown) continue;
      written_->push_back({.text = std::string(t.piece(Token(id))), .token = Token(id)});
    }
  }
  std::vector<WrittenToken> added = *written_;
  std::erase_if(added, [&](const WrittenToken& w) { return t.isControl(w.token); });
  t.added_.emplace(std::move(added));
  t.addedAndControl_.emplace(std::move(*written_));
  return std::move(tokenizer_);
}

}  // namespace lemma
