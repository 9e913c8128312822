// Cuts a template into text and the tokens of its tags, as Jinja does with trim_blocks and lstrip_blocks on.
// Pure, any thread. Throws Failure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lemma::jinja {

struct Token {
  enum class Kind : uint8_t { text, printBegin, printEnd, blockBegin, blockEnd, name, string, integer, real, op, end };
  Kind kind = Kind::end;
  std::string text;  // of a string: unescaped
  int line = 0;
};

// Ends with one token of kind end.
std::vector<Token> lex(std::string_view source);

}  // namespace lemma::jinja
