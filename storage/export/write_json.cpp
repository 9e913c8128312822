// The writing half of conversation_json.h.
#include <algorithm>
#include <cmath>

#include "storage/export/bounded_json.h"
#include "storage/export/conversation_json.h"
#include "storage/export/json_limits.h"
#include "storage/names.h"

namespace lemma::storage {
namespace {

using FileJson = nlohmann::ordered_json;

std::string dumped(const FileJson& json) { return json.dump(-1, ' ', false, FileJson::error_handler_t::replace); }

FileJson idOrNull(const std::optional<MessageId>& id) { return id ? FileJson(id->str()) : FileJson(nullptr); }

Millis timeInFile(Millis at) { return std::clamp<Millis>(at, 0, kLastMoment); }

void putTime(FileJson& json, const char* key, const std::optional<Millis>& at) {
  if (at) json[key] = timeInFile(*at);
}

void putCount(FileJson& json, const char* key, const std::optional<int64_t>& count) {
  if (count && *count >= 0 && *count <= kMostCount) json[key] = *count;
}

void putMeasure(FileJson& json, const char* key, const std::optional<double>& value) {
  if (value && std::abs(*value) <= kMostMeasure) json[key] = *value;  // no number is neither
}

// At most so many bytes, and no character cut through.
std::string shortened(const std::string& text, size_t most) {
  if (text.size() <= most) return text;
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

// Details that are JSON stand as such where that keeps every byte, else as a text that holds them.
void putDetails(FileJson& json, const char* key, const std::string& details) {
  if (details.empty()) return;
  auto parsed = parseBounded(details, {.depth = kDetailsDepth});
  if (parsed && parsed->is_structured() && dumped(*parsed) == details)
    json[key] = std::move(*parsed);
  else if (FileJson::accept(details))
    json[key] = details;
}

FileJson statsInFile(const AnswerStats& s) {
  FileJson json = FileJson::object();
  putCount(json, "prompt_tokens", s.promptTokens);
  putCount(json, "cached_tokens", s.cachedTokens);
  putCount(json, "think_tokens", s.thinkTokens);
  putCount(json, "answer_tokens", s.answerTokens);
  putCount(json, "context_used", s.contextUsed);
  putCount(json, "context_size", s.contextSize);
  putCount(json, "turns_left_out", s.turnsLeftOut);
  if (s.seed) json["seed"] = *s.seed;
  putMeasure(json, "ttft_ms", s.ttftMs);
  putMeasure(json, "think_ms", s.thinkMs);
  putMeasure(json, "total_ms", s.totalMs);
  putMeasure(json, "prompt_tps", s.promptTps);
  putMeasure(json, "gen_tps", s.genTps);
  return json;
}

FileJson partInFile(const Part& p) {
  FileJson json = {{"kind", name(p.kind)}, {"mime", shortened(p.mime, kMostWord)}, {"text", p.text}};
  putDetails(json, "details", p.json);
  putCount(json, "tokens", p.tokens);
  putTime(json, "started_at", p.startedAt);
  putTime(json, "ended_at", p.endedAt);
  return json;
}

FileJson messageInFile(const Message& m) {
  FileJson json = {{"id", m.id.str()},
                   {"parent", idOrNull(m.parent)},
                   {"role", name(m.role)},
                   {"state", name(m.state)},
                   {"created_at", timeInFile(m.createdAt)}};
  putTime(json, "finished_at", m.finishedAt);
  if (!m.stopReason.empty()) json["stop_reason"] = shortened(m.stopReason, kMostWord);
  if (FileJson stats = statsInFile(m.stats); !stats.empty()) json["stats"] = std::move(stats);
  putDetails(json, "made_with", m.snapshot);
  FileJson& parts = json["parts"] = FileJson::array();
  for (const Part& p : m.parts) parts.push_back(partInFile(p));
  return json;
}

}  // namespace

std::string toJson(const ConversationTree& tree) {
  const Conversation& c = tree.conversation;
  FileJson json = {{"id", c.id.str()},
                   {"title", shortened(c.title, kMostTitle)},
                   {"title_by_person", c.titleByPerson},
                   {"created_at", timeInFile(c.createdAt)},
                   {"updated_at", timeInFile(c.updatedAt)},
                   {"current", idOrNull(c.currentLeaf)}};
  FileJson& settings = json["settings"] = FileJson::object();
  for (const auto& [key, value] : tree.settings) {
    const SettingSpec* spec = findSetting(key);
    if (!spec) continue;  // of another build
    if (const auto checked = checkSetting(*spec, value))
      std::visit([&settings, &name = key](const auto& v) { settings[name] = v; }, *checked);
  }
  FileJson& messages = json["messages"] = FileJson::array();
  for (const Message& m : tree.messages) messages.push_back(messageInFile(m));
  return dumped(json);
}

Result<std::string> conversationsFile(const std::vector<std::string>& lines, const ExportHead& head) {
  std::string file = dumped({{"schema", kConversationsSchema}, {"program", head.program}, {"exported_at", head.at}});
  file.pop_back();
  file += R"(,"conversations":[)";
  size_t bytes = file.size() + 8;
  for (const std::string& line : lines) bytes += line.size() + 2;
  if (bytes > kMostFileBytes)
    return fail(Err::tooLarge, "The conversations are larger than " + std::to_string(kMostFileBytes >> 20) +
                                   " MiB together, which is the most that one file can hold; export fewer at a time.");
  file.reserve(bytes);
  const char* between = "\n";
  for (const std::string& line : lines) {
    file += between;
    file += line;
    between = ",\n";
  }
  file += "\n]}\n";
  return file;
}

}  // namespace lemma::storage
