#include "engine/model_file/model_file.h"

#include <filesystem>

#include "engine/gguf/gguf_file.h"
#include "engine/hf_folder/hf_folder.h"

namespace lemma {
namespace {

bool isFileOfFolder(const std::filesystem::path& path) {
  return path.extension() == ".safetensors" || path.filename() == "config.json" ||
         path.filename() == "model.safetensors.index.json";
}

}  // namespace

Result<void> ModelFile::intact() const {
  for (const auto& file : files) LEMMA_CHECK(file->intact());
  return {};
}

Result<ModelFile> openModel(const std::string& path) {
  const std::filesystem::path given(path);
  std::error_code ignored;
  const auto open = [&]() -> Result<ModelFile> {
    if (std::filesystem::is_directory(given, ignored)) return openHfFolder(path);
    if (isFileOfFolder(given) && std::filesystem::exists(given, ignored)) {
      return openHfFolder(given.has_parent_path() ? given.parent_path().string() : ".");
    }
    return openGguf(path);
  };
  LEMMA_TRY(file, open());
  LEMMA_CHECK(file.intact());
  return file;
}

}  // namespace lemma
