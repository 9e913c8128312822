// What perplexity measures, for the commands that measure too. Main thread.
#pragma once

#include <string>
#include <vector>

#include "app/cli/input.h"
#include "app/cli/interrupt.h"
#include "app/cli/options.h"
#include "engine/tokenizer/tokenizer.h"

namespace lemma::cli {

inline constexpr int kWindow = 512;

struct PerplexityOptions {
  ModelOptions model;
  std::string text, against;
  std::string againstKv;  // type of the other's cache; empty = as model.kv
  int windows = 0;
  bool json = false;
};

// The tokens of a text; the first of each window is bos where the model asks for one.
std::vector<Token> windowTokens(const Tokenizer& tokenizer, const std::string& text);
// How many windows they fill, at most `most` where that is above 0; an error where not one. `name` is the text's.
Result<size_t> countWindows(const std::vector<Token>& tokens, int most, const std::string& name);

// As "lemma.perplexity/1".
Result<Json> perplexity(const PerplexityOptions& options, const Interrupt& interrupt);
void printPerplexity(const Json& measured);

}  // namespace lemma::cli
