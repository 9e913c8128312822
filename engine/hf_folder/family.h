// What a family of Hugging Face models calls its numbers and tensors, beside GGUF's names for the same. A family is one
// row of the table in families.cpp; constant data, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace lemma {

class ConfigTranslation;

enum class Kind : uint8_t { whole, real, flag };
enum class Need : uint8_t { optional, required };

struct KeyRow {
  std::string_view config;  // of config.json
  std::string_view gguf;    // below the architecture's name
  Kind kind = Kind::whole;
  Need need = Need::optional;
};

// `hf` is a module, whose .weight, .bias and .weight_scale_inv keep their endings, or a whole name; * is a number.
struct NameRow {
  std::string_view hf;
  std::string_view gguf;
};

struct HfFamily {
  std::string_view modelType;      // model_type of config.json
  std::string_view architecture;   // general.architecture of GGUF
  std::span<const KeyRow> keys;    // beside those of every decoder
  std::span<const NameRow> layer;  // below model.layers.N, before those of every decoder
  bool tied = false;               // what it means that tie_word_embeddings is not said
  bool halfSplit = false;          // rotary positions are in halves where this architecture's GGUF has them interleaved
  bool ownHeads = false;           // the widths of its heads are in `more`
  bool windowed = false;           // sliding_window counts without use_sliding_window
  bool normsLessOne = false;       // weights of norms are kept less one
  bool pairedExperts = false;      // as paired_experts.h says
  bool wholeBounds = true;         // YaRN ramps between whole numbers of dimensions
  bool seesToo = false;            // the text model is a part: text_config, and tensors below language_model
  std::string_view defaults = "{}";            // what config.json means by keys that it leaves out, as JSON
  void (*more)(ConfigTranslation&) = nullptr;  // what rows cannot say
};

const HfFamily* hfFamily(std::string_view modelType);  // null = not known
std::span<const KeyRow> decoderKeys();

// GGUF's name of a tensor of the folder; the name as it is where no row knows it.
std::string ggufName(const HfFamily& family, std::string_view hfName);

}  // namespace lemma
