#include "engine/schedule/encode_prompt.h"

#include <algorithm>

namespace lemma {

std::vector<Token> encodePrompt(const Tokenizer& tokenizer, const PromptText& text) {
  std::string whole;
  std::vector<TextRange> typed;  // byte ranges in which special tokens are just characters
  for (const PromptText::Part& p : text.parts) {
    if (p.fromUser && !p.text.empty()) {
      if (!typed.empty() && typed.back().end == whole.size()) {
        typed.back().end += p.text.size();
      } else {
        typed.push_back({whole.size(), whole.size() + p.text.size()});
      }
    }
    whole += p.text;
  }
  std::vector<Token> ids = tokenizer.encode(whole, std::span<const TextRange>(typed));
  if (tokenizer.addBos() && tokenizer.bos() && (ids.empty() || ids.front() != *tokenizer.bos())) {
    ids.insert(ids.begin(), *tokenizer.bos());
  }
  return ids;
}

}  // namespace lemma
