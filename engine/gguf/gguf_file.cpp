#include "engine/gguf/gguf_file.h"

#include <cstdio>

#include "engine/gguf/gguf.h"
#include "engine/model_file/content_id.h"
#include "engine/model_file/mapped_file.h"

namespace lemma {
namespace {

constexpr uint64_t kParts = 4096;

tl::unexpected<Error> about(const std::string& path, const Error& error) {
  return fail(error.code, path + ": " + error.what);
}

// -00001-of-00003.gguf
std::string partEnding(uint64_t number, uint64_t count) {
  char text[64];
  std::snprintf(text, sizeof text, "-%05llu-of-%05llu.gguf", static_cast<unsigned long long>(number),
                static_cast<unsigned long long>(count));
  return text;
}

struct Part {
  std::string path;
  std::shared_ptr<MappedFile> file;
  GgufHeader header;
  uint64_t count = 1, number = 0;  // split.count, split.no
};

Result<Part> openPart(const std::string& path) {
  LEMMA_TRY(file, MappedFile::open(path));
  auto header = parseGguf(file->bytes(), file->bytes().size());
  if (!header) return about(path, header.error());
  Part part{.path = path, .file = std::move(file), .header = std::move(*header)};
  const auto count = part.header.u64Or("split.count", 1), number = part.header.u64Or("split.no", 0);
  if (!count) return about(path, count.error());
  if (!number) return about(path, number.error());
  part.count = *count;
  part.number = *number;
  return part;
}

class Opening {
 public:
  void add(Part part) {
    contents_.push_back({part.file->bytes().first(size_t(part.header.headerBytes)), part.header.fileBytes});
    const auto number = uint32_t(model_.parts.size());
    for (ModelTensor& t : part.header.tensors) t.part = number;
    if (number == 0) {
      model_.ggufVersion = part.header.version;
      model_.header = std::move(part.header);
    } else {
      auto& tensors = model_.header.tensors;
      tensors.insert(tensors.end(), std::make_move_iterator(part.header.tensors.begin()),
                     std::make_move_iterator(part.header.tensors.end()));
    }
    model_.bytes += part.file->bytes().size();
    model_.parts.push_back({std::move(part.path), part.file->bytes(), part.file});
    model_.files.push_back(std::move(part.file));
  }

  ModelHeader& header() { return model_.header; }

  ModelFile take() {
    model_.id = contentId(contents_);
    return std::move(model_);
  }

 private:
  ModelFile model_;
  std::vector<ContentPart> contents_;
};

Result<ModelFile> openSplit(Part first) {
  const std::string path = first.path;
  const uint64_t count = first.count;
  if (count > kParts) {
    return fail(Err::tooLarge, path + ": split.count is " + std::to_string(count) + ", more than the " +
                                   std::to_string(kParts) + " allowed");
  }
  if (first.number != 0) {
    return fail(Err::badValue, path + " is part " + std::to_string(first.number + 1) + " of a model in " +
                                   std::to_string(count) + " files; it is opened by the first of them");
  }
  const std::string ending = partEnding(1, count);
  if (!path.ends_with(ending)) {
    return fail(Err::badValue, path + " is the first of " + std::to_string(count) + " files, so its name must end in " +
                                   ending + " for the others to be found");
  }
  const std::string before = path.substr(0, path.size() - ending.size());
  const auto total = first.header.u64("split.tensors.count");
  if (!total) return about(path, total.error());

  Opening opening;
  opening.add(std::move(first));
  for (uint64_t i = 1; i < count; ++i) {
    LEMMA_TRY(part, openPart(before + partEnding(i + 1, count)));
    if (part.count != count || part.number != i) {
      return fail(Err::badValue, part.path + ": split.no " + std::to_string(part.number) + " of split.count " +
                                     std::to_string(part.count) + " is not what its name says");
    }
    opening.add(std::move(part));
  }
  ModelHeader& header = opening.header();
  if (header.tensors.size() != *total) {
    return fail(Err::badValue, path + ": the " + std::to_string(count) + " files hold " +
                                   std::to_string(header.tensors.size()) + " tensors, but split.tensors.count says " +
                                   std::to_string(*total));
  }
  if (const auto indexed = header.indexTensors(); !indexed) return about(path, indexed.error());
  return opening.take();
}

}  // namespace

Result<ModelFile> openGguf(const std::string& path) {
  LEMMA_TRY(first, openPart(path));
  if (first.count > 1) return openSplit(std::move(first));
  Opening opening;
  opening.add(std::move(first));
  return opening.take();
}

}  // namespace lemma
