// What a model file says of itself: metadata under GGUF's keys and the table of tensors under GGUF's names, whatever
// format and however many files it came from. Immutable once indexed, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/model_file/gguf_value.h"
#include "kernels/api/result.h"
#include "kernels/api/type.h"

namespace lemma {

struct ModelTensor {
  std::string name;
  Type type{};
  int rank = 0;
  std::array<int64_t, 4> ne{1, 1, 1, 1};  // ne[0] runs fastest
  uint32_t part = 0;                      // which of ModelFile::parts it lies in
  uint64_t offset = 0;                    // from the start of its part, any byte
  uint64_t bytes = 0;                     // of its elements
  std::array<int64_t, 4> nb{};            // as TensorView's; all 0 where its elements lie one after another
};

// Bytes from the tensor's first to its last.
uint64_t spanOf(const ModelTensor& tensor);

struct ModelHeader {
  std::vector<std::pair<std::string, GgufValue>> kv;  // in the file's order, keys unique
  std::vector<ModelTensor> tensors;                   // in the file's order, names unique

  const GgufValue* find(std::string_view key) const;       // null = absent
  const ModelTensor* tensor(std::string_view name) const;  // null = absent

  // Typed reads. An error names the key: notFound where it is absent, badValue where it is of another kind.
  Result<uint64_t> u64(std::string_view key) const;
  Result<double> f64(std::string_view key) const;  // finite
  Result<bool> flag(std::string_view key) const;
  Result<std::string> str(std::string_view key) const;
  Result<uint64_t> u64Or(std::string_view key, uint64_t fallback) const;
  Result<double> f64Or(std::string_view key, double fallback) const;
  Result<bool> flagOr(std::string_view key, bool fallback) const;
  Result<std::string> strOr(std::string_view key, std::string fallback) const;

  // Makes names findable; to be called whenever kv or tensors have changed. badValue where a name occurs twice.
  Result<void> indexKeys();
  Result<void> indexTensors();

 private:
  std::vector<uint32_t> kvByName_, tensorsByName_;  // positions in kv and tensors, sorted by name
};

// Sizes {inputs, outputs} of the blocks that share a scale (BlockScales), of models stored in 8-bit floats. Not GGUF's.
inline constexpr std::string_view kWeightBlockSize = "lemma.weight_block_size";

// What follows a tensor's name in that of its scales: of 8-bit floats, and of 4-bit ones (MXFP4 of folders), where one
// scale is for 32 inputs of an output.
inline constexpr std::string_view kScalesOfEightBits = "_scale_inv";
inline constexpr std::string_view kScalesOfFourBits = "_scales";

// A name from a file made fit for a sentence: at most 64 bytes, printable ASCII, in quotation marks.
std::string quotedName(std::string_view name);

}  // namespace lemma
