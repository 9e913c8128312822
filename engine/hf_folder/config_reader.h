// Reads one object of a config.json into checked values. A key that is absent or null is empty; a value of another kind
// is an error, and the first one is remembered, so that reading stays a flat list. Used by one thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/api/result.h"

namespace lemma {

class ConfigReader {
 public:
  // `object` must outlive the reader; null = an empty one. `where` leads the names of keys, such as "rope_scaling.".
  explicit ConfigReader(const nlohmann::json* object, std::string where = {})
      : object_(object), where_(std::move(where)) {}

  bool has(std::string_view key) const { return value(key) != nullptr; }
  std::optional<uint64_t> whole(std::string_view key);
  std::optional<double> real(std::string_view key);  // finite
  std::optional<bool> flag(std::string_view key);
  std::optional<std::string> text(std::string_view key);
  std::vector<uint64_t> wholes(std::string_view key);  // of an array; empty where absent
  std::vector<double> reals(std::string_view key);
  std::vector<std::string> texts(std::string_view key);
  const nlohmann::json* object(std::string_view key);

  void missing(std::string_view key) { refuse(Err::notFound, key, "is missing"); }
  void refuse(Err code, std::string_view key, std::string_view what);
  Result<void> result() const { return status_; }
  // Of a reader of an object inside this one.
  void adopt(const Result<void>& inner) {
    if (status_) status_ = inner;
  }

 private:
  const nlohmann::json* value(std::string_view key) const;

  const nlohmann::json* object_;
  const std::string where_;
  Result<void> status_;
};

}  // namespace lemma
