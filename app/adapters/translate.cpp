#include "app/adapters/translate.h"

#include "app/core/chat_request.h"
#include "app/core/model_name.h"
#include "storage/snapshot.h"

namespace lemma::app {

QString toQt(const std::string& s) { return QString::fromUtf8(s.data(), qsizetype(s.size())); }

QString toQt(const storage::Uuid& id) { return toQt(id.str()); }

ui::Conversation toUi(const storage::Conversation& c) {
  return {.id = toQt(c.id), .title = toQt(c.title), .updatedMs = c.updatedAt};
}

namespace {

ui::MessageState toUi(storage::MessageState s) {
  switch (s) {
    case storage::MessageState::streaming:
      return ui::MessageState::Streaming;
    case storage::MessageState::complete:
      return ui::MessageState::Complete;
    case storage::MessageState::stopped:
      return ui::MessageState::Stopped;
    case storage::MessageState::interrupted:
      return ui::MessageState::Interrupted;
    case storage::MessageState::failed:
      return ui::MessageState::Failed;
  }
  return ui::MessageState::Complete;
}

ui::AnswerStats toUi(const storage::AnswerStats& s) {
  return {.tokensPerSecond = s.genTps.value_or(0),
          .promptTokensPerSecond = s.promptTps.value_or(0),
          .firstTokenMs = s.ttftMs.value_or(0),
          .promptTokens = int(s.promptTokens.value_or(0)),
          .cachedTokens = int(s.cachedTokens.value_or(0)),
          .answerTokens = int(s.answerTokens.value_or(0)),
          .thinkTokens = int(s.thinkTokens.value_or(0))};
}

}  // namespace

ui::Message toUi(const storage::Message& m) {
  ui::Message out{.id = toQt(m.id),
                  .role = m.role == storage::Role::user ? ui::Role::User : ui::Role::Assistant,
                  .state = toUi(m.state),
                  .createdMs = m.createdAt,
                  .stats = toUi(m.stats),
                  .turnsLeftOut = int(m.stats.turnsLeftOut.value_or(0))};
  for (const storage::Part& p : m.parts) {
    ui::Part part{.text = toQt(p.text), .tokens = int(p.tokens.value_or(0))};
    switch (p.kind) {
      case storage::PartKind::think:
        part.kind = ui::PartKind::Think;
        break;
      case storage::PartKind::error:
        part.kind = ui::PartKind::Error;
        part.templateRefused = m.stopReason == kTemplateRefused;
        break;
      case storage::PartKind::text:
      case storage::PartKind::answer:
        part.kind = ui::PartKind::Answer;
        break;
      case storage::PartKind::attachment:
      case storage::PartKind::tool:
        continue;  // nothing makes them yet
    }
    if (p.kind == storage::PartKind::think) {
      if (p.startedAt && p.endedAt) part.durationMs = *p.endedAt - *p.startedAt;
      if (part.durationMs <= 0) part.durationMs = qint64(m.stats.thinkMs.value_or(0));
    }
    out.parts.push_back(std::move(part));
  }
  if (!m.snapshot.empty()) {
    if (auto snapshot = storage::snapshotFromJson(m.snapshot)) out.modelName = toQt(snapshot->modelName);
  }
  out.builtinFormat = inBuiltinFormat(m);
  out.versions = std::max<int>(1, int(m.siblings.size()));
  for (size_t i = 0; i < m.siblings.size(); ++i) {
    if (m.siblings[i] == m.id) out.version = int(i) + 1;
  }
  return out;
}

bool inBuiltinFormat(const storage::Message& answer) {
  if (answer.snapshot.empty()) return false;
  const auto snapshot = storage::snapshotFromJson(answer.snapshot);
  if (!snapshot) return false;
  const auto format = snapshot->settings.find("builtin_template");
  return format != snapshot->settings.end() && format->second == storage::SettingValue(int64_t(1));
}

QList<ui::Message> toUi(const std::vector<storage::Message>& messages) {
  QList<ui::Message> out;
  for (const storage::Message& m : messages) {
    if (m.role == storage::Role::user || m.role == storage::Role::assistant) out.push_back(toUi(m));
  }
  return out;
}

ui::ThoughtEnd toUi(ThoughtEnded::Why why) {
  switch (why) {
    case ThoughtEnded::Why::model:
      return ui::ThoughtEnd::Model;
    case ThoughtEnded::Why::budget:
      return ui::ThoughtEnd::Budget;
    case ThoughtEnded::Why::person:
      return ui::ThoughtEnd::Person;
    case ThoughtEnded::Why::repeating:
      return ui::ThoughtEnd::Budget;
  }
  return ui::ThoughtEnd::Model;
}

ui::ModelCard toUi(const ModelInfo& m) {
  return {.id = toQt(m.id),
          .name = toQt(modelName(m.path)),
          .quantisation = toQt(m.quantisation),
          .path = toQt(m.path),
          .fileBytes = qint64(m.fileBytes),
          .memoryBytes = qint64(m.memoryBytes),
          .contextSize = m.contextSize};
}

std::string toSetting(const ui::Effort& e) {
  switch (e.level) {
    case ui::Effort::Level::Off:
      return "off";
    case ui::Effort::Level::Low:
      return "low";
    case ui::Effort::Level::Medium:
      return "medium";
    case ui::Effort::Level::High:
      return "high";
    case ui::Effort::Level::Max:
      return "max";
    case ui::Effort::Level::Tokens:
      return std::to_string(e.tokens);
  }
  return "medium";
}

ui::Effort toEffort(const storage::SettingValue& value) {
  if (const auto* word = std::get_if<std::string>(&value)) {
    if (*word == "off") return {ui::Effort::Level::Off};
    if (*word == "low") return {ui::Effort::Level::Low};
    if (*word == "medium") return {ui::Effort::Level::Medium};
    if (*word == "high") return {ui::Effort::Level::High};
    if (*word == "max") return {ui::Effort::Level::Max};
  }
  const ThinkBudget budget = thinkBudget(value);
  return {ui::Effort::Level::Tokens, budget.tokens};
}

storage::MessageState toState(StopReason reason) {
  switch (reason) {
    case StopReason::end:
    case StopReason::stop:
      return storage::MessageState::complete;
    case StopReason::length:
    case StopReason::context:
    case StopReason::cancelled:
      return storage::MessageState::stopped;
    case StopReason::error:
      return storage::MessageState::failed;
  }
  return storage::MessageState::failed;
}

storage::AnswerStats toStats(const Finished& f) {
  return {.promptTokens = f.promptTokens,
          .cachedTokens = f.cachedTokens,
          .thinkTokens = f.thinkTokens,
          .answerTokens = f.answerTokens,
          .contextUsed = f.contextUsed,
          .contextSize = f.contextSize,
          .turnsLeftOut = f.turnsLeftOut,
          .seed = f.seed,
          .ttftMs = f.ttftMs,
          .thinkMs = f.thinkMs,
          .totalMs = f.totalMs,
          .promptTps = f.promptTps,
          .genTps = f.genTps};
}

}  // namespace lemma::app
