// Tokens of a rendered prompt. Special tokens are taken only from template parts, never from what a person typed,
// and the text between two special tokens is tokenised as one stretch, so that parts leave no seams. Pure.
#pragma once

#include <vector>

#include "engine/api/types.h"
#include "engine/template/chat_template.h"
#include "engine/tokenizer/tokenizer.h"

namespace lemma {

// Puts the bos token in front where the tokenizer asks for it and the template did not write it.
std::vector<Token> encodePrompt(const Tokenizer& tokenizer, const PromptText& text);

}  // namespace lemma
