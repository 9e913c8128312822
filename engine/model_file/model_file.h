// A model on disk, whatever format and however many files it is stored in: its mappings and what they say, in the
// terms the engine speaks. Kept together because metadata are views into the mappings. Immutable, any thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/model_file/model_header.h"

namespace lemma {

struct ModelPart {
  std::string path;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;  // of the bytes
};

struct ModelFile {
  uint32_t ggufVersion = 0;
  ModelHeader header;
  std::vector<ModelPart> parts;  // ModelTensor::part counts these
  uint64_t bytes = 0;            // of all files
  std::string id;                // content identity (content_id.h)
};

// Every command and program opens models through this. The error's sentence is led by the path.
Result<ModelFile> openModel(const std::string& path);

}  // namespace lemma
