#include "app/core/model_name.h"

#include <algorithm>
#include <cctype>
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

}  // namespace

std::string modelName(const std::string& path) {
  std::string name = path.substr(path.find_last_of('/') + 1);
  if (name.size() > 5 && name.ends_with(".gguf")) name.resize(name.size() - 5);
  const size_t cut = name.find_last_of(".-");
  if (cut != std::string::npos && cut > 0 && isStorageFormat(std::string_view(name).substr(cut + 1))) name.resize(cut);
  return name;
}

}  // namespace lemma::app
