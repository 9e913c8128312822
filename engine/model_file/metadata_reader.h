// Reads metadata into checked numbers. Remembers the first thing that was wrong, so that reading stays a flat list;
// ask result() before the numbers are used. One reader per model, used by the thread that loads it.
#pragma once

#include <string>
#include <string_view>

#include "engine/model_file/model_header.h"

namespace lemma {

class MetadataReader {
 public:
  // Keys are below `prefix` and a dot, such as the architecture's name.
  MetadataReader(const ModelHeader& header, std::string_view prefix) : header_(header), prefix_(prefix) {
    prefix_ += '.';
  }

  // Whole numbers within [least, most]; an error names the key and both ends.
  int whole(std::string_view key, int least, int most);
  int wholeOr(std::string_view key, int fallback, int least, int most);
  // As whole(key, 1, most); where the key is absent, the outputs of that tensor, if there is one.
  int wholeOrOutputs(std::string_view key, std::string_view tensor, int most);
  // Finite numbers within [least, most].
  float real(std::string_view key, double least, double most);
  float realOr(std::string_view key, double fallback, double least, double most);
  bool flagOr(std::string_view key, bool fallback);
  std::string textOr(std::string_view key, std::string_view fallback);
  bool has(std::string_view key) const { return header_.find(prefix_ + std::string(key)) != nullptr; }

  // Where it does not hold, the error is the key's full name followed by `rest`.
  void require(bool holds, Err code, std::string_view key, const std::string& rest);
  Result<void> result() const { return status_; }

 private:
  const ModelHeader& header_;
  std::string prefix_;
  Result<void> status_;
};

}  // namespace lemma
