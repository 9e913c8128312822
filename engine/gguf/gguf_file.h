// A GGUF file on disk: its mapping and its parsed header, kept together because header values are views into it.
// Immutable, any thread.
#pragma once

#include <memory>
#include <string>

#include "engine/gguf/gguf.h"
#include "engine/gguf/mapped_file.h"

namespace lemma {

struct GgufFile {
  std::shared_ptr<MappedFile> file;
  GgufHeader header;
};

// Errors are those of MappedFile::open and parseGguf, the sentence led by the path.
Result<GgufFile> openGguf(const std::string& path);

}  // namespace lemma
