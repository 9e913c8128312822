// GGUF on disk as a ModelFile: one file, or a split of several (keys split.count, split.no, split.tensors.count) that
// is opened by its first, NAME-00001-of-0000N.gguf. Pure function of the files, any thread.
#pragma once

#include <string>

#include "engine/model_file/model_file.h"

namespace lemma {

// Errors are those of MappedFile::open and parseGguf, the sentence led by the path of the file it is about.
Result<ModelFile> openGguf(const std::string& path);

}  // namespace lemma
