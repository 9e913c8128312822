#include "engine/model_file/metadata_reader.h"

#include <cstdio>

namespace lemma {
namespace {

std::string text(double x) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%g", x);
  return buffer;
}

}  // namespace

void MetadataReader::require(bool holds, Err code, std::string_view key, const std::string& rest) {
  if (!holds && status_) status_ = fail(code, prefix_ + std::string(key) + " " + rest);
}

int MetadataReader::whole(std::string_view key, int least, int most) {
  const auto value = header_.u64(prefix_ + std::string(key));
  if (!value) {
    if (status_) status_ = tl::unexpected(value.error());
    return least;
  }
  const bool fits = *value >= uint64_t(least) && *value <= uint64_t(most);
  require(fits, Err::badValue, key,
          "is " + std::to_string(*value) + ", outside " + std::to_string(least) + " to " + std::to_string(most));
  return fits ? int(*value) : least;
}

int MetadataReader::wholeOr(std::string_view key, int fallback, int least, int most) {
  if (has(key)) return whole(key, least, most);
  require(fallback >= least && fallback <= most, Err::badValue, key, "is absent and cannot be derived");
  return fallback;
}

int MetadataReader::wholeOrOutputs(std::string_view key, std::string_view tensor, int most) {
  const ModelTensor* t = has(key) ? nullptr : header_.tensor(tensor);
  if (!t) return whole(key, 1, most);
  if (t->ne[1] >= 1 && t->ne[1] <= most) return int(t->ne[1]);
  if (status_) {
    status_ = fail(Err::tooLarge, "the tensor " + quotedName(tensor) + " has " + std::to_string(t->ne[1]) +
                                      " outputs, more than the " + std::to_string(most) + " allowed");
  }
  return 1;
}

float MetadataReader::real(std::string_view key, double least, double most) {
  const auto value = header_.f64(prefix_ + std::string(key));
  if (!value) {
    if (status_) status_ = tl::unexpected(value.error());
    return float(least);
  }
  const bool fits = *value >= least && *value <= most;
  require(fits, Err::badValue, key, "is " + text(*value) + ", outside " + text(least) + " to " + text(most));
  return fits ? float(*value) : float(least);
}

float MetadataReader::realOr(std::string_view key, double fallback, double least, double most) {
  return has(key) ? real(key, least, most) : float(fallback);
}

bool MetadataReader::flagOr(std::string_view key, bool fallback) {
  const auto value = header_.flagOr(prefix_ + std::string(key), fallback);
  if (value) return *value;
  if (status_) status_ = tl::unexpected(value.error());
  return fallback;
}

std::string MetadataReader::textOr(std::string_view key, std::string_view fallback) {
  auto value = header_.strOr(prefix_ + std::string(key), std::string(fallback));
  if (value) return std::move(*value);
  if (status_) status_ = tl::unexpected(value.error());
  return std::string(fallback);
}

}  // namespace lemma
