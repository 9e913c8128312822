// The format in which a model is spoken to whose file has no chat template, or one that cannot be used.
// Pure constants, any thread.
#pragma once

#include <functional>
#include <string_view>

namespace lemma {

struct FallbackTemplate {
  std::string_view name;    // as people call it, for a sentence
  std::string_view source;  // Jinja
};

// `isToken`: whether the vocabulary holds a token of that text. What none of them fits gets plain labelled lines.
const FallbackTemplate& fallbackTemplate(const std::function<bool(std::string_view)>& isToken);

}  // namespace lemma
