// The texts of a Hugging Face folder that say how its model reads and writes. Views into the mappings of a ModelFile.
// A value, any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace lemma {

// All but the first may be absent: empty.
struct TokenizerFiles {
  std::string_view tokenizer;         // tokenizer.json
  std::string_view config;            // tokenizer_config.json
  std::string_view generationConfig;  // generation_config.json
  std::string_view specialTokens;     // special_tokens_map.json
  std::string_view modelConfig;       // config.json
  int64_t rows = 0;  // tokens the model has an embedding for; added ones beyond them are left out. 0 = not known
};

}  // namespace lemma
