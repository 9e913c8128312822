// The tokenizer of a Hugging Face folder as the metadata of a GGUF file, for writing one. Pure function, any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/model_file/gguf_value.h"
#include "engine/model_file/tokenizer_files.h"
#include "kernels/api/result.h"

namespace lemma {

// Keys tokenizer.ggml.*; `rows` tokens (at least those there are), since readers hold the list against the embeddings.
// What is written is read again and has to give the same tokens for a text of many kinds: unsupported where no
// pre-tokenizer that GGUF has a name for does. Unigram models of GGUF map characters as SentencePiece does, not cluster
// by cluster, and drop spaces at the end of a text where they drop extra ones at all; in that alone they may differ.
Result<std::vector<std::pair<std::string, GgufValue>>> ggufTokenizerKeys(const TokenizerFiles& files, int64_t rows);

}  // namespace lemma
