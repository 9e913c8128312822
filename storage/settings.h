// Model settings: one row each, and how the layers above one another decide what holds.
// Pure values and functions, any thread. Labels are plain English for the interface to translate.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "storage/result.h"

namespace lemma::storage {

using SettingValue = std::variant<bool, int64_t, double, std::string>;
using SettingMap = std::map<std::string, SettingValue, std::less<>>;

enum class SettingType : uint8_t {
  integer,
  real,
  text,
  effort,  // off, low, medium, high, max or a number of tokens, as text
};

struct SettingSpec {
  std::string_view key;  // storage key
  SettingType type;
  double min, max;  // of integer, real and an effort's number; of text: most bytes
  std::variant<int64_t, double, std::string_view> fallback;  // the program's own value
  std::string_view label;
};

inline constexpr SettingSpec kSettings[] = {
    {"temperature", SettingType::real, 0.0, 2.0, 0.6, "Temperature"},
    {"top_k", SettingType::integer, 0, 1000, 40, "Top-k"},
    {"top_p", SettingType::real, 0.0, 1.0, 0.95, "Top-p"},
    {"min_p", SettingType::real, 0.0, 1.0, 0.05, "Min-p"},
    {"repeat", SettingType::real, 0.5, 2.0, 1.0, "Repetition penalty"},
    {"presence", SettingType::real, -2.0, 2.0, 0.0, "Presence penalty"},
    {"frequency", SettingType::real, -2.0, 2.0, 0.0, "Frequency penalty"},
    {"seed", SettingType::integer, -1, 9007199254740991.0, -1, "Seed"},  // -1: a new one each time
    {"think", SettingType::effort, 0, 10485760, "medium", "Thinking effort"},
    {"max_tokens", SettingType::integer, 0, 10485760, 0, "Longest answer"},  // 0: what the context holds
    {"context", SettingType::integer, 0, 10485760, 0, "Context"},            // 0: what the model allows
    {"park", SettingType::integer, 0, 1024, 4, "Disk for conversations that were read, in GiB"},  // 0: none
    {"system", SettingType::text, 0, 1 << 20, "", "System prompt"},
    {"builtin_template", SettingType::integer, 0, 1, 0, "Built-in chat format"},  // 1: not the model's own template
};

const SettingSpec* findSetting(std::string_view key);
SettingValue programValue(const SettingSpec& spec);

// The value in the spec's own type, or badValue with a sentence naming key and range.
Result<SettingValue> checkSetting(const SettingSpec& spec, const SettingValue& value);

// Lowest first: each layer only holds what deviates from the layers below it.
enum class SettingLayer : uint8_t { program, modelFile, person, model, conversation, message };

struct SettingLayers {
  SettingMap modelFile, person, model, conversation, message;
};

struct ResolvedSetting {
  SettingValue value;
  SettingLayer from = SettingLayer::program;
  bool operator==(const ResolvedSetting&) const = default;
};
using ResolvedSettings = std::map<std::string, ResolvedSetting, std::less<>>;  // every key of kSettings

// program < model file < person < model < conversation < message. A value that does not fit its spec is passed over.
ResolvedSettings resolve(const SettingLayers& layers);

// What has to be stored at `at` so that `value` holds there: nothing where the layers below already say so.
std::optional<SettingValue> deviation(const SettingLayers& layers, SettingLayer at, std::string_view key,
                                      const SettingValue& value);

std::string settingToJson(const SettingValue& value);
std::optional<SettingValue> settingFromJson(std::string_view json);

}  // namespace lemma::storage
