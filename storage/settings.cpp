#include "storage/settings.h"

#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace lemma::storage {
namespace {

constexpr std::string_view kEffortWords[] = {"off", "low", "medium", "high", "max"};

std::string shortNumber(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

tl::unexpected<Error> outOfRange(const SettingSpec& spec) {
  return fail(Err::badValue, "The setting " + std::string(spec.key) + " must lie between " + shortNumber(spec.min) +
                                 " and " + shortNumber(spec.max) + ".");
}

tl::unexpected<Error> wrongType(const SettingSpec& spec, const char* expected) {
  return fail(Err::badValue, "The setting " + std::string(spec.key) + " must be " + expected + ".");
}

Result<SettingValue> checkEffort(const SettingSpec& spec, std::string_view text) {
  for (std::string_view word : kEffortWords)
    if (text == word) return SettingValue(std::string(text));
  int64_t tokens = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), tokens);
  if (text.empty() || error != std::errc() || end != text.data() + text.size())
    return wrongType(spec, "off, low, medium, high, max or a number of tokens");
  if (double(tokens) < spec.min || double(tokens) > spec.max) return outOfRange(spec);
  return SettingValue(std::to_string(tokens));
}

// The layers in rising order, without the program's own values.
std::array<std::pair<SettingLayer, const SettingMap*>, 5> rising(const SettingLayers& l) {
  return {{{SettingLayer::modelFile, &l.modelFile},
           {SettingLayer::person, &l.person},
           {SettingLayer::model, &l.model},
           {SettingLayer::conversation, &l.conversation},
           {SettingLayer::message, &l.message}}};
}

ResolvedSetting resolveBelow(const SettingSpec& spec, const SettingLayers& layers, int below) {
  ResolvedSetting result{programValue(spec), SettingLayer::program};
  for (const auto& [layer, map] : rising(layers)) {
    if (static_cast<int>(layer) >= below) break;
    const auto found = map->find(spec.key);
    if (found == map->end()) continue;
    if (auto checked = checkSetting(spec, found->second)) result = {std::move(*checked), layer};
  }
  return result;
}

}  // namespace

const SettingSpec* findSetting(std::string_view key) {
  for (const SettingSpec& spec : kSettings)
    if (spec.key == key) return &spec;
  return nullptr;
}

SettingValue programValue(const SettingSpec& spec) {
  if (const auto* whole = std::get_if<int64_t>(&spec.fallback)) return *whole;
  if (const auto* real = std::get_if<double>(&spec.fallback)) return *real;
  return std::string(std::get<std::string_view>(spec.fallback));
}

Result<SettingValue> checkSetting(const SettingSpec& spec, const SettingValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  switch (spec.type) {
    case SettingType::text:
      if (!text) return wrongType(spec, "a text");
      if (double(text->size()) > spec.max)
        return fail(Err::tooLarge, "The setting " + std::string(spec.key) + " is too long.");
      return value;
    case SettingType::effort:
      if (const auto* tokens = std::get_if<int64_t>(&value)) return checkEffort(spec, std::to_string(*tokens));
      if (!text) return wrongType(spec, "off, low, medium, high, max or a number of tokens");
      return checkEffort(spec, *text);
    case SettingType::integer: {
      const auto* number = std::get_if<int64_t>(&value);
      if (!number) return wrongType(spec, "a whole number");
      if (double(*number) < spec.min || double(*number) > spec.max) return outOfRange(spec);
      return value;
    }
    case SettingType::real: {
      double number = 0;
      if (const auto* real = std::get_if<double>(&value))
        number = *real;
      else if (const auto* whole = std::get_if<int64_t>(&value))
        number = double(*whole);
      else
        return wrongType(spec, "a number");
      if (!std::isfinite(number) || number < spec.min || number > spec.max) return outOfRange(spec);
      return SettingValue(number);
    }
  }
  return fail(Err::internal, "The setting " + std::string(spec.key) + " has no type.");
}

ResolvedSettings resolve(const SettingLayers& layers) {
  ResolvedSettings out;
  for (const SettingSpec& spec : kSettings)
    out.emplace(spec.key, resolveBelow(spec, layers, static_cast<int>(SettingLayer::message) + 1));
  return out;
}

std::optional<SettingValue> deviation(const SettingLayers& layers, SettingLayer at, std::string_view key,
                                      const SettingValue& value) {
  const SettingSpec* spec = findSetting(key);
  if (!spec) return value;
  auto checked = checkSetting(*spec, value);
  if (!checked) return value;  // storing it will say what is wrong
  if (resolveBelow(*spec, layers, static_cast<int>(at)).value == *checked) return std::nullopt;
  return *checked;
}

std::string settingToJson(const SettingValue& value) {
  return std::visit(
      [](const auto& v) { return nlohmann::json(v).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); },
      value);
}

std::optional<SettingValue> settingFromJson(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_unsigned() && json.get<uint64_t>() > uint64_t(INT64_MAX)) return std::nullopt;
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number_float()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  return std::nullopt;
}

}  // namespace lemma::storage
