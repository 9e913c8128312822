// JSON of a model's folder, which nobody has checked yet: refused before anything is built from it where it is too deep
// or names a key twice. Pure function, any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "kernels/api/result.h"

namespace lemma {

// The object that the text is. Errors say what is wrong and where, without a file's name.
Result<nlohmann::json> parseCheckedJson(std::string_view text);

inline constexpr int kJsonDepth = 64;

}  // namespace lemma
