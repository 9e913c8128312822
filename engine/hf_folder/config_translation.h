// A config.json becomes metadata under GGUF's keys. Made and used while a folder is opened, by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/hf_folder/config_reader.h"
#include "engine/hf_folder/family.h"
#include "engine/model_file/model_header.h"

namespace lemma {

struct TranslatedConfig {
  std::vector<std::pair<std::string, GgufValue>> kv;
  std::vector<std::pair<std::string, std::vector<float>>> numbers;  // tensors of GGUF that are numbers of config.json
  bool tied = false;                                                // the head is the table of embeddings
  std::optional<Error> unfit;                                       // what this build cannot compute with
};

class ConfigTranslation {
 public:
  ConfigTranslation(const nlohmann::json& config, const HfFamily& family);

  // Errors name the key of config.json.
  Result<TranslatedConfig> translate();

  // ---- for HfFamily::more
  ConfigReader& config() { return config_; }
  uint64_t need(std::string_view configKey);  // 0 with an error where it is missing
  // Below the architecture's name; what was said before is replaced.
  void set(std::string_view key, GgufValue value) {
    setWhole(std::string(family_.architecture) + "." + std::string(key), std::move(value));
  }
  void set(std::string_view key, uint64_t value) { set(key, GgufValue::of(value)); }
  void setHalfSplit() { set("rope.half_split", GgufValue::of(true)); }
  // The model can be described but not computed: "the key ... `what`, which this build does not know".
  void unfitUnless(bool holds, std::string_view configKey, const std::string& what);

 private:
  void setWhole(std::string key, GgufValue value);
  void rows(std::span<const KeyRow> rows);
  void heads();
  uint64_t headDim();
  void contextLength();
  void rope();
  void longRope(ConfigReader& r);
  void yarn(ConfigReader& r, double factor);
  void llama3(ConfigReader& r, double factor, double base);
  void quantization();

  ConfigReader config_;
  const HfFamily& family_;
  TranslatedConfig out_;
};

}  // namespace lemma
