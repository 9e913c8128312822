#include "app/core/model_name.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace lemma::app {

namespace {

// Q4_1, Q4_K_M, IQ2_XXS, TQ1_0, F16, BF16, MXFP4 ... in either case.
bool isStorageFormat(std::string_view word) {
  std::string upper(word);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return char(std::toupper(c)); });
  for (const std::string_view prefix : {"IQ", "TQ", "Q", "BF", "F", "MXFP", "NVFP"}) {
    if (upper.starts_with(prefix)) return upper.size() > prefix.size() && std::isdigit(uint8_t(upper[prefix.size()]));
  }
  return false;
}

// "-00001-of-00009" at the end of a split model's first file.
void dropPartNumber(std::string& name) {
  constexpr std::string_view kPattern = "-ddddd-of-ddddd";
  if (name.size() <= kPattern.size()) return;
  const std::string_view end = std::string_view(name).substr(name.size() - kPattern.size());
  const bool matches = std::equal(end.begin(), end.end(), kPattern.begin(), [](char c, char pattern) {
    return pattern == 'd' ? std::isdigit(uint8_t(c)) != 0 : c == pattern;
  });
  if (matches) name.resize(name.size() - kPattern.size());
}

}  // namespace

std::string modelName(const std::string& path) {
  std::string_view whole = path;
  while (whole.size() > 1 && whole.ends_with('/')) whole.remove_suffix(1);
  const auto last = [](std::string_view p) { return p.substr(p.find_last_of('/') + 1); };
  const std::string_view file = last(whole);
  const bool ofFolder =
      file == "config.json" || file == "model.safetensors.index.json" || file.ends_with(".safetensors");
  if (ofFolder && whole.size() > file.size() + 1) whole = whole.substr(0, whole.size() - file.size() - 1);
  std::string name(last(whole));
  if (name.size() > 5 && name.ends_with(".gguf")) {
    name.resize(name.size() - 5);
    dropPartNumber(name);
  }
  const size_t cut = name.find_last_of(".-");
  if (cut != std::string::npos && cut > 0 && isStorageFormat(std::string_view(name).substr(cut + 1))) name.resize(cut);
  return name;
}

}  // namespace lemma::app
