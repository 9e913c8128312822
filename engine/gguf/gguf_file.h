// A GGUF file on disk as a ModelFile. Pure function of the file, any thread.
#pragma once

#include <string>

#include "engine/model_file/model_file.h"

namespace lemma {

// Errors are those of MappedFile::open and parseGguf, the sentence led by the path.
Result<ModelFile> openGguf(const std::string& path);

}  // namespace lemma
