// A folder as Hugging Face's transformers writes models (config.json, safetensors in one or several files, tokenizer
// and chat template) as a ModelFile: what config.json says under GGUF's keys, tensors under GGUF's names, all of them
// where they lie. Pure function of the files, any thread.
#pragma once

#include <string>

#include "engine/model_file/model_file.h"

namespace lemma {

// A family this build does not know is described under its own names. Errors are led by the path of their file.
Result<ModelFile> openHfFolder(const std::string& folder);

}  // namespace lemma
