// The header of a GGUF file to be written (version 3): metadata and the table of tensors, and where the data of each
// tensor goes. Owner: who writes the file; one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/gguf/gguf.h"

namespace lemma {

class GgufOutput {
 public:
  void copy(std::string_view key, const GgufValue& value);
  void u32(std::string_view key, uint32_t value);
  void text(std::string_view key, std::string_view value);
  void texts(std::string_view key, std::span<const std::string> values);

  // The next tensor of the file; rows must be whole blocks of the type.
  void tensor(std::string_view name, Type type, int rank, const std::array<int64_t, 4>& ne);

  struct Layout {
    std::vector<std::byte> header;  // padded: the data starts behind it
    std::vector<uint64_t> offsets;  // of each tensor, from the start of the file
    std::vector<uint64_t> bytes;    // of each tensor, without the padding behind it
    uint64_t fileBytes = 0;         // the last tensor is padded too
  };
  Layout layout(uint32_t alignment) const;

 private:
  struct Tensor {
    std::string name;
    Type type;
    int rank;
    std::array<int64_t, 4> ne;
    uint64_t bytes;
  };
  void begin(std::string_view key, GgufType type);

  std::vector<std::byte> kv_;
  uint64_t keyValues_ = 0;
  std::vector<Tensor> tensors_;
};

}  // namespace lemma
