#include "app/core/chat_request.h"

#include <charconv>
#include <cmath>
#include <random>

#include "app/core/model_name.h"
#include "lemma/version.h"

namespace lemma::app {

namespace {

double real(const storage::ResolvedSettings& s, std::string_view key) {
  const auto it = s.find(key);
  if (it == s.end()) return 0;
  if (const auto* d = std::get_if<double>(&it->second.value)) return *d;
  if (const auto* i = std::get_if<int64_t>(&it->second.value)) return double(*i);
  return 0;
}

int64_t integer(const storage::ResolvedSettings& s, std::string_view key) {
  return int64_t(std::llround(real(s, key)));
}

std::string text(const storage::ResolvedSettings& s, std::string_view key) {
  const auto it = s.find(key);
  const auto* t = it == s.end() ? nullptr : std::get_if<std::string>(&it->second.value);
  return t ? *t : std::string();
}

std::string joined(const storage::Message& m, std::initializer_list<storage::PartKind> kinds) {
  std::string out;
  for (const storage::Part& p : m.parts) {
    for (const storage::PartKind k : kinds) {
      if (p.kind == k) out += p.text;
    }
  }
  return out;
}

void ask(std::vector<ChatTurn>& turns, std::string question) {
  if (!turns.empty() && turns.back().role == "user") {
    turns.back().content += "\n\n" + question;
  } else {
    turns.push_back({"user", std::move(question)});
  }
}

void applySettings(ChatRequest& request, const storage::ResolvedSettings& s) {
  request.sampling.temperature = float(real(s, "temperature"));
  request.sampling.topK = int(integer(s, "top_k"));
  request.sampling.topP = float(real(s, "top_p"));
  request.sampling.minP = float(real(s, "min_p"));
  request.sampling.repeat = float(real(s, "repeat"));
  request.sampling.presence = float(real(s, "presence"));
  request.sampling.frequency = float(real(s, "frequency"));
  const int64_t seed = integer(s, "seed");
  request.sampling.seed =
      seed >= 0 ? uint64_t(seed) : (uint64_t(std::random_device{}()) << 20) ^ std::random_device{}();
  request.maxAnswerTokens = int(integer(s, "max_tokens"));
  request.builtinTemplate = integer(s, "builtin_template") == 1;
  if (const auto it = s.find("think"); it != s.end()) request.think = thinkBudget(it->second.value);
}

void addTurns(ChatRequest& request, const storage::Thread& thread, const storage::MessageId* until,
              const storage::ResolvedSettings& s) {
  if (std::string system = text(s, "system"); !system.empty()) request.turns.push_back({"system", std::move(system)});
  for (const storage::Message& m : thread.messages) {
    if (until && m.id == *until) return;
    switch (m.role) {
      case storage::Role::user:
        ask(request.turns, joined(m, {storage::PartKind::text, storage::PartKind::answer}));
        break;
      case storage::Role::assistant:
        if (std::string answer = joined(m, {storage::PartKind::answer}); !answer.empty()) {
          request.turns.push_back({"assistant", std::move(answer)});
        }
        break;
      case storage::Role::system:
        request.turns.push_back({"system", joined(m, {storage::PartKind::text})});
        break;
      case storage::Role::tool:
        break;  // tools are not called yet, so no such message exists
    }
  }
}

}  // namespace

ThinkBudget thinkBudget(const storage::SettingValue& value) {
  const auto* word = std::get_if<std::string>(&value);
  if (!word) {
    const auto* number = std::get_if<int64_t>(&value);
    return {.kind = ThinkBudget::Kind::tokens, .tokens = number ? int(*number) : kThinkMedium};
  }
  if (*word == "off") return {.kind = ThinkBudget::Kind::off, .tokens = 0};
  if (*word == "low") return {.kind = ThinkBudget::Kind::tokens, .tokens = kThinkLow};
  if (*word == "high") return {.kind = ThinkBudget::Kind::tokens, .tokens = kThinkHigh};
  if (*word == "max") return {.kind = ThinkBudget::Kind::max, .tokens = 0};
  int tokens = kThinkMedium;
  std::from_chars(word->data(), word->data() + word->size(), tokens);
  if (tokens <= 0) return {.kind = ThinkBudget::Kind::off, .tokens = 0};
  return {.kind = ThinkBudget::Kind::tokens, .tokens = tokens};
}

storage::Result<std::pair<std::string, storage::SettingValue>> parseSetting(const std::string& pair) {
  const size_t equals = pair.find('=');
  const std::string key = pair.substr(0, equals);
  const storage::SettingSpec* spec = storage::findSetting(key);
  if (!spec || equals == std::string::npos) {
    return storage::fail(storage::Err::badValue,
                         "\"" + pair + "\" is not a setting; write key=value, for instance seed=7.");
  }
  const std::string text = pair.substr(equals + 1);
  storage::SettingValue value = text;
  if (spec->type == storage::SettingType::integer || spec->type == storage::SettingType::real) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
      return storage::fail(storage::Err::badValue, "The setting " + key + " wants a number, not \"" + text + "\".");
    }
    if (spec->type == storage::SettingType::integer) {
      value = int64_t(number);
    } else {
      value = number;
    }
  }
  STORE_TRY(checked, storage::checkSetting(*spec, value));
  return std::pair(key, std::move(checked));
}

storage::SettingMap modelFileSettings(const ModelInfo& model) {
  const SamplerSettings program;
  const SamplerSettings& r = model.recommended;
  storage::SettingMap map;
  // Six significant digits: 0.6f must not come out as 0.60000002384.
  auto add = [&map](std::string_view key, float value, float usual) {
    if (value != usual) map.emplace(key, std::round(double(value) * 1e6) / 1e6);
  };
  add("temperature", r.temperature, program.temperature);
  add("top_p", r.topP, program.topP);
  add("min_p", r.minP, program.minP);
  add("repeat", r.repeat, program.repeat);
  if (r.topK != program.topK) map.emplace("top_k", int64_t(r.topK));
  return map;
}

ParkingOptions parkingOptions(const std::string& folder, const storage::SettingMap& person,
                              const storage::SettingMap& run) {
  storage::SettingLayers layers;
  layers.person = person;
  layers.message = run;
  return {.folder = folder, .quotaBytes = uint64_t(integer(storage::resolve(layers), "park")) << 30};
}

ChatRequest chatRequest(const storage::Thread& thread, const storage::MessageId& answer,
                        const storage::ResolvedSettings& settings) {
  ChatRequest request;
  applySettings(request, settings);
  addTurns(request, thread, &answer, settings);
  request.conversation = thread.conversation.id.str();
  for (const storage::Message& m : thread.messages) {
    if (m.id != answer) continue;
    request.continueThink = joined(m, {storage::PartKind::think});
    request.continueAnswer = joined(m, {storage::PartKind::answer});
  }
  return request;
}

ChatRequest draftRequest(const storage::Thread& thread, const std::string& draft,
                         const storage::ResolvedSettings& settings) {
  ChatRequest request;
  applySettings(request, settings);
  addTurns(request, thread, nullptr, settings);
  if (!draft.empty() || request.turns.empty()) ask(request.turns, draft);
  return request;
}

storage::AnswerSnapshot answerSnapshot(const ModelInfo& model, const storage::ResolvedSettings& settings) {
  storage::AnswerSnapshot snapshot{.modelId = model.id,
                                   .modelName = modelName(model.path),
                                   .architecture = model.architecture,
                                   .quantisation = model.quantisation,
                                   .templateHash = model.templateHash,
                                   .program = "lemma " + std::string(kVersion),
                                   .settings = {}};
  for (const auto& [key, resolved] : settings) snapshot.settings.emplace(key, resolved.value);
  return snapshot;
}

std::string titleFrom(const std::string& question) {
  constexpr size_t kLongest = 60;
  const size_t start = question.find_first_not_of(" \t\r\n");
  if (start == std::string::npos) return {};
  std::string line = question.substr(start, question.find_first_of("\r\n", start) - start);
  if (line.size() <= kLongest) return line;
  size_t cut = line.rfind(' ', kLongest);
  if (cut == std::string::npos || cut < kLongest / 2) {
    cut = kLongest;
    while (cut > 0 && (uint8_t(line[cut]) & 0xC0) == 0x80) --cut;  // never inside a code point
  }
  return line.substr(0, cut) + "\u2026";
}

}  // namespace lemma::app
