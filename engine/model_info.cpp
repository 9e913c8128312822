#include "engine/model_info.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "engine/model_file/content_id.h"
#include "engine/model_file/parameter_count.h"
#include "engine/text/think_tags.h"
#include "engine/tokenizer/tokenizer.h"

namespace lemma {
namespace {

std::string text(const ModelHeader& h, std::string_view key) {
  const GgufValue* value = h.find(key);
  return std::string(value ? value->asString().value_or("") : "");
}

// A description only: what is absent, or no sensible number, is 0.
int whole(const ModelHeader& h, const std::string& key) {
  const GgufValue* value = h.find(key);
  const uint64_t n = value ? value->asU64().value_or(0) : 0;
  return n <= uint64_t(std::numeric_limits<int>::max()) ? int(n) : 0;
}

// The type that takes most of the file's bytes.
std::string quantisation(const ModelHeader& h) {
  std::map<Type, uint64_t> bytes;
  for (const ModelTensor& t : h.tensors) bytes[t.type] += t.bytes;
  if (bytes.empty()) return "";
  const auto most =
      std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  const TypeInfo* info = typeInfo(most->first);
  return info ? std::string(info->name) : std::to_string(uint32_t(most->first));
}

// Tokens alone do not say it: vocabularies hold <think> for models that were never trained to use it.
bool speaksOfThoughts(const std::string& chatTemplate) {
  return std::ranges::any_of(thinkTags(), [&](const ThinkFormat& f) {
    if (chatTemplate.find(f.open) != std::string::npos) return true;
    return f.closeIsClear && chatTemplate.find(f.close) != std::string::npos;
  });
}

// Sampling that the model's makers advise (general.sampling.*); numbers outside their range are not taken.
SamplerSettings recommendedSampling(const ModelHeader& h) {
  SamplerSettings s;
  const auto take = [&](const char* key, double least, double most, auto& into) {
    const GgufValue* value = h.find(std::string("general.sampling.") + key);
    const auto number = value ? value->asF64() : std::nullopt;
    if (number && *number >= least && *number <= most) into = std::remove_reference_t<decltype(into)>(*number);
  };
  take("temp", 0, 10, s.temperature);
  take("top_k", 0, 1e6, s.topK);
  take("top_p", 0, 1, s.topP);
  take("min_p", 0, 1, s.minP);
  take("penalty_repeat", 0.1, 10, s.repeat);
  take("penalty_last_n", 0, 1e6, s.penaltyWindow);
  return s;
}

}  // namespace

ModelInfo describeModel(const std::string& path, const ModelFile& file, const Tokenizer* tokenizer) {
  const ModelHeader& h = file.header;
  const ParameterCount parameters = countParameters(h);
  const std::string chatTemplate = text(h, "tokenizer.chat_template");
  ModelInfo info;
  info.id = file.id;
  info.path = path;
  info.name = text(h, "general.name");
  if (info.name.empty()) info.name = path.substr(path.find_last_of('/') + 1);
  info.architecture = text(h, "general.architecture");
  info.licence = text(h, "general.license");
  info.quantisation = quantisation(h);
  info.fileBytes = file.bytes;
  info.parameters = parameters.all;
  info.activeParameters = parameters.active;
  info.contextTrained = whole(h, info.architecture + ".context_length");
  info.layers = whole(h, info.architecture + ".block_count");
  info.embedding = whole(h, info.architecture + ".embedding_length");
  const ModelTensor* table = h.tensor("token_embd.weight");
  info.vocabulary = table && table->ne[1] <= std::numeric_limits<int>::max() ? int(table->ne[1])
                    : tokenizer                                              ? tokenizer->size()
                                                                             : 0;
  info.hasTemplate = !chatTemplate.empty();
  info.hasTokenizer = tokenizer != nullptr;
  if (info.hasTemplate) info.templateHash = hashOf(chatTemplate);
  info.thinksByItself = speaksOfThoughts(chatTemplate);
  info.recommended = recommendedSampling(h);
  return info;
}

}  // namespace lemma
