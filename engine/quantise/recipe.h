// Which type each tensor of a model is written in: a base type, and more bits for the matrices that lose most by it.
// The rules are written down in recipe.cpp and README.md. Pure functions, any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/gguf/gguf.h"

namespace lemma {

// A choice of the person's own: the first pattern that matches a tensor's whole name wins. `*` stands for any text.
struct TypeRule {
  std::string pattern;
  Type type{};
};

// "Q4_K_M", "Q8_0", ...; in the order in which they are offered, largest first.
std::vector<std::string_view> recipeNames();

struct Recipe {
  std::string_view name;
  Type base{};
  uint32_t fileType = 0;  // general.file_type
};
Result<Recipe> findRecipe(std::string_view name);

// The types in which `header`'s tensors are written, one each, in its order. A type whose blocks do not fit a tensor's
// rows gives way to a neighbour of 32, at last to F16. Vectors, routers and what is no weight stay as they are, but
// vectors become F32.
Result<std::vector<Type>> chooseTypes(const ModelHeader& header, const Recipe& recipe, std::span<const TypeRule> rules);

bool matchesPattern(std::string_view pattern, std::string_view name);

}  // namespace lemma
