// config.json of a folder over arbitrary bytes: refused in a sentence, or turned into keys that can be indexed.
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/hf_folder/checked_json.h"
#include "engine/hf_folder/config_translation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto config = lemma::parseCheckedJson({reinterpret_cast<const char*>(data), size});
  if (!config) return config.error().what.empty() ? (__builtin_trap(), 0) : 0;
  const auto type = config->find("model_type");
  if (type == config->end() || !type->is_string()) return 0;
  const lemma::HfFamily* family = lemma::hfFamily(type->get_ref<const std::string&>());
  if (!family) return 0;
  auto whole = nlohmann::json::parse(family->defaults);
  whole.update(*config);
  auto translated = lemma::ConfigTranslation(whole, *family).translate();
  if (!translated) return translated.error().what.empty() ? (__builtin_trap(), 0) : 0;
  if (translated->unfit && translated->unfit->what.empty()) __builtin_trap();
  lemma::ModelHeader header;
  header.kv = std::move(translated->kv);
  if (!header.indexKeys()) __builtin_trap();
  return 0;
}
