#include "engine/quantise/recipe.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace lemma {
namespace {

// What a matrix does, read from its name.
enum class Part : uint8_t { embedding, head, value, attentionOut, down, other };

struct Matrix {
  Part part = Part::other;
  int layer = 0;
};

// Beside the base type: the embedding table, the head, and the three kinds of matrices that lose most by few bits.
// `first` is for the first eighth of the layers, `some` for every third of the others and the last eighth.
struct Mix {
  Recipe recipe;
  Type embedding, head;
  Type value, attentionOut;
  Type downFirst, downSome, down;
};

constexpr Mix uniform(std::string_view name, Type t, uint32_t fileType) {
  return {{name, t, fileType}, t, t, t, t, t, t, t};
}

constexpr Mix kMixes[] = {
    uniform("BF16", Type::BF16, 32),
    uniform("F16", Type::F16, 1),
    uniform("Q8_0", Type::Q8_0, 7),
    uniform("Q6_K", Type::Q6_K, 18),
    {{"Q5_K_M", Type::Q5_K, 17}, Type::Q5_K, Type::Q6_K, Type::Q6_K, Type::Q5_K, Type::Q6_K, Type::Q6_K, Type::Q5_K},
    {{"Q4_K_M", Type::Q4_K, 15}, Type::Q4_K, Type::Q6_K, Type::Q6_K, Type::Q4_K, Type::Q6_K, Type::Q6_K, Type::Q4_K},
    {{"Q4_K_S", Type::Q4_K, 14}, Type::Q4_K, Type::Q6_K, Type::Q5_K, Type::Q4_K, Type::Q5_K, Type::Q4_K, Type::Q4_K},
    {{"IQ4_XS", Type::IQ4_XS, 30},
     Type::IQ4_XS,
     Type::Q6_K,
     Type::Q5_K,
     Type::IQ4_XS,
     Type::Q5_K,
     Type::IQ4_XS,
     Type::IQ4_XS},
    {{"Q3_K_M", Type::Q3_K, 12}, Type::Q3_K, Type::Q6_K, Type::Q4_K, Type::Q4_K, Type::Q5_K, Type::Q4_K, Type::Q3_K},
    {{"IQ3_XXS", Type::IQ3_XXS, 23},
     Type::IQ3_S,
     Type::Q6_K,
     Type::Q4_K,
     Type::IQ3_S,
     Type::Q4_K,
     Type::IQ3_S,
     Type::IQ3_XXS},
    {{"Q2_K", Type::Q2_K, 10}, Type::Q2_K, Type::Q6_K, Type::Q4_K, Type::Q3_K, Type::Q3_K, Type::Q3_K, Type::Q3_K},
    {{"IQ2_XXS", Type::IQ2_XXS, 19},
     Type::Q2_K,
     Type::Q5_K,
     Type::Q4_K,
     Type::IQ2_XXS,
     Type::Q2_K,
     Type::IQ2_XXS,
     Type::IQ2_XXS},
};

const Mix* mixOf(std::string_view name) {
  const auto it = std::ranges::find(kMixes, name, [](const Mix& m) { return m.recipe.name; });
  return it == std::end(kMixes) ? nullptr : it;
}

// "blk.12.attn_v.weight" -> 12
int layerOf(std::string_view name) {
  int layer = 0;
  if (name.starts_with("blk.")) std::from_chars(name.data() + 4, name.data() + name.size(), layer);
  return layer;
}

Matrix matrixOf(std::string_view name, bool tied) {
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  Matrix m{.layer = layerOf(name)};
  if (name == "output.weight" || (tied && name == "token_embd.weight")) {
    m.part = Part::head;
  } else if (name == "token_embd.weight") {
    m.part = Part::embedding;
  } else if (has(".attn_v") || has(".attn_kv_") || has(".attn_qkv")) {
    m.part = Part::value;
  } else if (has(".attn_output")) {
    m.part = Part::attentionOut;
  } else if (has(".ffn_down")) {
    m.part = Part::down;
  }
  return m;
}

Type typeOf(const Mix& mix, Matrix m, int layers) {
  const int eighth = layers / 8;
  switch (m.part) {
    case Part::embedding:
      return mix.embedding;
    case Part::head:
      return mix.head;
    case Part::value:
      return mix.value;
    case Part::attentionOut:
      return mix.attentionOut;
    case Part::down:
      if (m.layer < eighth) return mix.downFirst;
      return m.layer >= layers - eighth || (m.layer - eighth) % 3 == 2 ? mix.downSome : mix.down;
    case Part::other:
      break;
  }
  return mix.recipe.base;
}

// The nearest type with blocks of 32 that is not smaller.
Type ofSmallBlocks(Type type) {
  switch (type) {
    case Type::Q5_K:
      return Type::Q5_1;
    case Type::Q4_K:
      return Type::Q5_0;
    case Type::Q6_K:
      return Type::Q8_0;
    default:
      return Type::IQ4_NL;
  }
}

Type fitting(Type type, int64_t columns) {
  if (columns % typeInfo(type)->block == 0) return type;
  if (columns % 32 != 0) return Type::F16;
  return ofSmallBlocks(type);
}

bool isFloat(Type t) { return t == Type::F32 || t == Type::F16 || t == Type::BF16; }

// Matrices that pick experts decide more than they weigh; tensors that are no weight have meanings of their own.
bool staysAsIs(const ModelTensor& t) {
  const TypeInfo* info = typeInfo(t.type);
  return !info || !info->decode || !t.name.ends_with(".weight") || t.name.find("ffn_gate_inp") != std::string::npos ||
         t.name.find("_norm.") != std::string::npos;
}

}  // namespace

std::vector<std::string_view> recipeNames() {
  std::vector<std::string_view> names;
  for (const Mix& m : kMixes) names.push_back(m.recipe.name);
  return names;
}

Result<Recipe> findRecipe(std::string_view name) {
  if (const Mix* mix = mixOf(name)) return mix->recipe;
  std::string known;
  for (const std::string_view n : recipeNames()) known += (known.empty() ? "" : ", ") + std::string(n);
  return fail(Err::badValue, "there is no recipe " + quotedName(name) + "; there are " + known);
}

bool matchesPattern(std::string_view pattern, std::string_view name) {
  size_t p = 0, n = 0, star = std::string_view::npos, from = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<std::vector<Type>> chooseTypes(const ModelHeader& header, const Recipe& recipe,
                                      std::span<const TypeRule> rules) {
  const Mix* mix = mixOf(recipe.name);
  if (!mix) return fail(Err::badValue, "there is no recipe " + quotedName(recipe.name));
  for (const TypeRule& rule : rules) {
    const TypeInfo* info = typeInfo(rule.type);
    if (!info || !isGgufType(rule.type) || (!info->encode && !info->encodeBest)) {
      return fail(Err::unsupported, "the type " + std::string(info ? info->name : "of a rule") + " cannot be written");
    }
  }
  int layers = 0;
  for (const ModelTensor& t : header.tensors) layers = std::max(layers, layerOf(t.name) + 1);
  const bool tied = !header.tensor("output.weight");
  std::vector<Type> out;
  for (const ModelTensor& t : header.tensors) {
    const auto rule = std::ranges::find_if(rules, [&](const TypeRule& r) { return matchesPattern(r.pattern, t.name); });
    if (t.rank < 2 || t.name.ends_with(".bias")) {
      out.push_back(isFloat(t.type) ? Type::F32 : t.type);
    } else if (rule != rules.end() && typeInfo(t.type)->decode) {
      out.push_back(fitting(rule->type, t.ne[0]));
    } else if (staysAsIs(t)) {
      out.push_back(t.type);
    } else {
      out.push_back(fitting(typeOf(*mix, matrixOf(t.name, tied), layers), t.ne[0]));
    }
  }
  return out;
}

}  // namespace lemma
