// What a model file says of itself, for people and for the store of settings. Pure function of the file, any thread.
#pragma once

#include "engine/api/types.h"
#include "engine/model_file/model_file.h"

namespace lemma {

class Tokenizer;

// `tokenizer` may be null. contextSize is left 0: it is chosen when a model is loaded.
ModelInfo describeModel(const std::string& path, const ModelFile& file, const Tokenizer* tokenizer);

}  // namespace lemma
