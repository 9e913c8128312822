// A model on disk, whatever format and however many files it is stored in: its mappings and what they say, in the
// terms the engine speaks. Kept together because metadata are views into the mappings. Immutable, any thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/model_file/mapped_file.h"
#include "engine/model_file/model_header.h"
#include "engine/model_file/tokenizer_files.h"

namespace lemma {

struct ModelPart {
  std::string path;  // empty where the bytes were made while the model was opened
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;  // of the bytes
};

struct ModelFile {
  uint32_t ggufVersion = 0;  // 0 = safetensors
  ModelHeader header;
  std::vector<ModelPart> parts;                          // ModelTensor::part counts these
  TokenizerFiles tokenizer;                              // of a folder; GGUF files hold theirs in the header
  std::vector<std::shared_ptr<const MappedFile>> files;  // all that any of it points into
  uint64_t bytes = 0;                                    // of all files
  std::string id;                                        // content identity (content_id.h)
  std::optional<Error> unfit;  // why this build can describe the model but not compute with it, where that is known

  // truncated where bytes of a file are gone or could not be read since it was opened, whoever wanted them. What was
  // computed meanwhile is worthless.
  Result<void> intact() const;
};

// Every command and program opens models through this: a GGUF file, the first file of a split one, a Hugging Face
// folder, or a file of such a folder (config.json, model.safetensors.index.json, *.safetensors), which means all of it.
// The error's sentence is led by the path of the file it is about.
Result<ModelFile> openModel(const std::string& path);

}  // namespace lemma
