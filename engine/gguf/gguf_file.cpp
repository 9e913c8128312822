#include "engine/gguf/gguf_file.h"

#include "engine/gguf/gguf.h"
#include "engine/model_file/content_id.h"
#include "engine/model_file/mapped_file.h"

namespace lemma {

Result<ModelFile> openGguf(const std::string& path) {
  LEMMA_TRY(file, MappedFile::open(path));
  auto header = parseGguf(file->bytes(), file->bytes().size());
  if (!header) return fail(header.error().code, path + ": " + header.error().what);
  ModelFile model{.ggufVersion = header->version, .header = std::move(*header), .bytes = header->fileBytes};
  model.id = contentId({{file->bytes().first(size_t(header->headerBytes)), header->fileBytes}});
  model.parts.push_back({path, file->bytes(), file});
  return model;
}

}  // namespace lemma
