#include "storage/snapshot.h"

#include <nlohmann/json.hpp>

namespace lemma::storage {
namespace {

using Json = nlohmann::ordered_json;

std::string textOf(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string toJson(const AnswerSnapshot& s) {
  Json settings = Json::object();
  for (const auto& [key, value] : s.settings)
    std::visit([&settings, &name = key](const auto& v) { settings[name] = v; }, value);
  const Json json = {
      {"schema", kSnapshotSchema},
      {"version", kSnapshotVersion},
      {"program", s.program},
      {"model",
       {{"id", s.modelId}, {"name", s.modelName}, {"architecture", s.architecture}, {"quantisation", s.quantisation}}},
      {"template", s.templateHash},
      {"settings", settings},
  };
  // A model's name comes from a foreign file and need not be UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<AnswerSnapshot> snapshotFromJson(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || textOf(json, "schema") != kSnapshotSchema)
    return fail(Err::badValue,
                "The record of an answer's settings is not of schema " + std::string(kSnapshotSchema) + ".");
  const auto version = json.find("version");
  if (version == json.end() || !version->is_number_integer() || version->get<int64_t>() != kSnapshotVersion)
    return fail(Err::newerSchema, "The record of an answer's settings has another version than " +
                                      std::to_string(kSnapshotVersion) + ".");
  AnswerSnapshot s;
  s.program = textOf(json, "program");
  s.templateHash = textOf(json, "template");
  if (const auto model = json.find("model"); model != json.end() && model->is_object()) {
    s.modelId = textOf(*model, "id");
    s.modelName = textOf(*model, "name");
    s.architecture = textOf(*model, "architecture");
    s.quantisation = textOf(*model, "quantisation");
  }
  if (const auto settings = json.find("settings"); settings != json.end() && settings->is_object())
    for (const auto& [key, value] : settings->items())
      if (auto parsed = settingFromJson(value.dump(-1, ' ', false, Json::error_handler_t::replace)))
        s.settings.emplace(key, *parsed);
  return s;
}

}  // namespace lemma::storage
