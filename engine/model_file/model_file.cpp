#include "engine/model_file/model_file.h"

#include "engine/gguf/gguf_file.h"

namespace lemma {

Result<ModelFile> openModel(const std::string& path) { return openGguf(path); }

}  // namespace lemma
