#include "engine/gguf/gguf_file.h"

namespace lemma {

Result<GgufFile> openGguf(const std::string& path) {
  LEMMA_TRY(file, MappedFile::open(path));
  auto header = parseGguf(file->bytes(), file->bytes().size());
  if (!header) return fail(header.error().code, path + ": " + header.error().what);
  return GgufFile{std::move(file), std::move(*header)};
}

}  // namespace lemma
