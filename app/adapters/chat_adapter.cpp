#include "app/adapters/chat_adapter.h"

#include <utility>

#include "app/adapters/translate.h"
#include "app/core/chat_request.h"
#include "app/log.h"
#include "engine/api/template_refusal.h"
#include "ui/models/format.h"

namespace lemma::app {

namespace {

constexpr int kDrainMs = 33;  // 30 Hz

std::string fromQt(const QString& s) {
  const QByteArray utf8 = s.toUtf8();
  return {utf8.constData(), size_t(utf8.size())};
}

template <class IdType>
std::optional<IdType> idOf(const QString& s) {
  return IdType::parse(fromQt(s));
}

storage::PartKind kindOf(PartKind kind) {
  return kind == PartKind::think ? storage::PartKind::think : storage::PartKind::answer;
}

double msBetween(AnswerInbox::Time a, AnswerInbox::Time b) {
  return std::chrono::duration<double, std::milli>(b - a).count();
}

// All layers of settings that hold for an answer, read on the storage thread.
storage::Result<storage::ResolvedSettings> resolveFor(storage::Store& store, const storage::SettingMap& modelFile,
                                                      const std::string& modelId, const std::string& conversation,
                                                      const storage::SettingMap& message) {
  storage::SettingLayers layers;
  layers.modelFile = modelFile;
  STORE_TRY(person, store.settings(storage::Store::Scope::person, ""));
  STORE_TRY(model, store.settings(storage::Store::Scope::model, modelId));
  layers.person = std::move(person);
  layers.model = std::move(model);
  if (!conversation.empty()) {
    STORE_TRY(own, store.settings(storage::Store::Scope::conversation, conversation));
    layers.conversation = std::move(own);
  }
  layers.message = message;
  return storage::resolve(layers);
}

}  // namespace

// One answer on its way: what the window shows of it, and what is needed to end it.
struct ChatAdapter::Answer {
  storage::MessageId id;
  QString conversation;
  ui::Message shown;
  EngineWorker::Ticket ticket = 0;
  std::shared_ptr<AnswerInbox> inbox = std::make_shared<AnswerInbox>();
  int tokensBefore[2] = {0, 0};  // of the parts that a continuation started with: think, answer
  double thoughtMsBefore = 0;
  std::optional<AnswerInbox::Time> thoughtStart;
  bool ownTemplate = true;
  bool over = false;
};

ChatAdapter::ChatAdapter(EngineWorker& worker, storage::StorageThread& store, ModelAdapter& model, QObject* parent)
    : ui::ChatPort(parent), worker_(worker), store_(store), model_(model) {
  timer_.setInterval(kDrainMs);
  connect(&timer_, &QTimer::timeout, this, &ChatAdapter::drain);
  store_.call([](storage::Store& s) { return s.settings(storage::Store::Scope::person, ""); },
              [this](storage::Result<storage::SettingMap> map) {
                if (!map) return;
                if (const auto it = map->find("think"); it != map->end()) {
                  effort_ = toEffort(it->second);
                  emit effortChanged();
                }
              });
}

ChatAdapter::~ChatAdapter() = default;

void ChatAdapter::setEffort(const ui::Effort& effort) {
  if (effort == effort_) return;
  effort_ = effort;
  emit effortChanged();
  store_.call(
      [value = toSetting(effort)](storage::Store& s) -> storage::Result<void> {
        STORE_TRY(person, s.settings(storage::Store::Scope::person, ""));
        storage::SettingLayers layers;
        layers.person = std::move(person);
        const auto stored =
            storage::deviation(layers, storage::SettingLayer::person, "think", storage::SettingValue(value));
        return s.setSetting(storage::Store::Scope::person, "", "think", stored);
      },
      [](storage::Result<void>) {});  // a preference that cannot be saved still holds until the program ends
}

void ChatAdapter::prepare(const QString& conversationId, storage::MessageId answer, const ui::SendOptions& options,
                          Job job, std::function<void(const Prepared&)> shown,
                          std::function<void(const QString&)> failed) {
  const ModelInfo model = model_.loaded().value_or(ModelInfo{});
  storage::SettingMap message{{"think", toSetting(options.effort)}};
  for (const auto& [key, value] : overrides_) message[key] = value;
  if (options.builtinFormat) message["builtin_template"] = int64_t(1);
  const QString answerId = toQt(answer);
  wishes_.insert(answerId, false);
  store_.call(
      [model, message = std::move(message), conversation = fromQt(conversationId),
       job = std::move(job)](storage::Store& s) -> storage::Result<Prepared> {
        STORE_TRY(settings, resolveFor(s, modelFileSettings(model), model.id, conversation, message));
        STORE_TRY(thread, job(s, answerSnapshot(model, settings)));
        return Prepared{std::move(thread), std::move(settings)};
      },
      [this, answer, answerId, shown = std::move(shown),
       failed = std::move(failed)](storage::Result<Prepared> prepared) {
        const bool toldToStop = wishes_.take(answerId);
        if (!prepared) {
          failed(toQt(prepared.error().what));
          return;
        }
        shown(*prepared);
        generate(*prepared, answer);
        if (toldToStop) stop(answerId);
      });
}

void ChatAdapter::generate(const Prepared& prepared, storage::MessageId answer) {
  const QString id = toQt(answer);
  auto a = std::make_shared<Answer>();
  a->id = answer;
  a->conversation = toQt(prepared.thread.conversation.id);
  for (const storage::Message& m : prepared.thread.messages) {
    if (m.id == answer) a->shown = toUi(m);
  }
  a->shown.state = ui::MessageState::Streaming;
  for (const ui::Part& p : a->shown.parts) {
    if (p.kind == ui::PartKind::Think) {
      a->tokensBefore[0] = p.tokens;
      a->thoughtMsBefore = double(p.durationMs);
    } else if (p.kind == ui::PartKind::Answer) {
      a->tokensBefore[1] = p.tokens;
    }
  }
  answers_.insert(id, a);
  if (!model_.loaded()) {
    const QString why = model_.state() == ui::ModelPort::State::Loading
                            ? tr("The model is still loading. Try again when it is ready.")
                            : tr("No model is loaded. Open a model file, then try again.");
    seal(*a, storage::MessageState::failed, "error", {}, why);
    answers_.remove(id);
    return;
  }
  ChatRequest request = chatRequest(prepared.thread, answer, prepared.settings);
  a->ownTemplate = usesOwnTemplate(request);
  a->ticket = worker_.start(std::move(request), [inbox = a->inbox](const StreamEvent& e) { inbox->put(e); });
  timer_.start();
}

ui::SentIds ChatAdapter::send(const QString& conversationId, const QString& text, const ui::SendOptions& options) {
  storage::Sending sending;
  sending.newConversation = conversationId.isEmpty();
  const auto known = idOf<storage::ConversationId>(conversationId);
  sending.conversation = known ? *known : ids_.conversation();
  sending.question = ids_.message();
  sending.answer = ids_.message();
  sending.title = titleFrom(fromQt(text));
  sending.parts.push_back({.kind = storage::PartKind::text, .text = fromQt(text)});
  const ui::SentIds ids{toQt(sending.conversation), toQt(sending.question), toQt(sending.answer)};
  const storage::MessageId answer = sending.answer;
  prepare(
      ids.conversationId, answer, options,
      [sending](storage::Store& s, const storage::AnswerSnapshot& snapshot) -> storage::Result<storage::Thread> {
        storage::Sending full = sending;
        full.snapshot = snapshot;
        STORE_TRY(sent, s.send(full));
        return s.load(sent.conversation.id);
      },
      [this, ids](const Prepared& p) {
        if (history_) emit history_->conversationChanged(toUi(p.thread.conversation));
        for (const storage::Message& m : p.thread.messages) {
          const QString id = toQt(m.id);
          if (id == ids.questionId || id == ids.answerId) emit messageAdded(ids.conversationId, toUi(m));
        }
      },
      [this, ids, text](const QString& sentence) { failUnsaved(ids, text, sentence); });
  return ids;
}

// The store refused the question. What was typed stays on the screen, with the reason; nothing is asked.
void ChatAdapter::failUnsaved(const ui::SentIds& ids, const QString& text, const QString& sentence) {
  const qint64 now = storage::utcNow();
  ui::Message question{.id = ids.questionId, .role = ui::Role::User, .createdMs = now};
  question.parts.push_back({.kind = ui::PartKind::Answer, .text = text});
  emit messageAdded(ids.conversationId, question);
  ui::Message answer{
      .id = ids.answerId, .role = ui::Role::Assistant, .state = ui::MessageState::Failed, .createdMs = now};
  answer.parts.push_back({.kind = ui::PartKind::Error, .text = sentence});
  emit messageAdded(ids.conversationId, answer);
}

QString ChatAdapter::regenerate(const QString& answerId, const ui::SendOptions& options) {
  const auto old = idOf<storage::MessageId>(answerId);
  if (!old) return {};
  const storage::MessageId fresh = ids_.message();
  prepare(
      QString(), fresh, options,
      [old = *old, fresh](storage::Store& s, const storage::AnswerSnapshot& snapshot) {
        return s.regenerate(old, fresh, snapshot);
      },
      [this](const Prepared& p) {
        if (!history_) return;
        emit history_->loaded(toQt(p.thread.conversation.id), toUi(p.thread.messages));
        emit history_->conversationChanged(toUi(p.thread.conversation));
      },
      [this](const QString& sentence) {
        if (history_) emit history_->failed(QString(), sentence);
      });
  return toQt(fresh);
}

void ChatAdapter::continueAnswer(const QString& answerId, const ui::SendOptions& options) {
  const auto id = idOf<storage::MessageId>(answerId);
  if (!id || answers_.contains(answerId)) return;
  prepare(
      QString(), *id, options,
      [id = *id](storage::Store& s, const storage::AnswerSnapshot& snapshot) -> storage::Result<storage::Thread> {
        STORE_CHECK(s.resume(id, snapshot));
        return s.showBranch(id);
      },
      [this, answerId](const Prepared& p) {
        for (const storage::Message& m : p.thread.messages) {
          if (toQt(m.id) == answerId) emit messageChanged(toUi(m));
        }
      },
      [this](const QString& sentence) {
        if (history_) emit history_->failed(QString(), sentence);
      });
}

void ChatAdapter::stop(const QString& answerId) {
  if (const auto it = answers_.constFind(answerId); it != answers_.constEnd()) {
    worker_.cancel((*it)->ticket);
  } else if (wishes_.contains(answerId)) {
    wishes_[answerId] = true;
  }
}

void ChatAdapter::answerNow(const QString& answerId) {
  if (const auto it = answers_.constFind(answerId); it != answers_.constEnd()) worker_.endThought((*it)->ticket);
}

void ChatAdapter::measureContext(const QString& conversationId, const QString& draft) {
  const std::optional<ModelInfo> model = model_.loaded();
  if (!model) {
    emit contextMeasured(conversationId, 0, 0);
    return;
  }
  const auto id = idOf<storage::ConversationId>(conversationId);
  const storage::SettingMap message{{"think", toSetting(effort_)}};
  store_.call(
      [id, model = *model, message](storage::Store& s) -> storage::Result<Prepared> {
        Prepared p;
        if (id) {
          STORE_TRY(thread, s.load(*id));
          p.thread = std::move(thread);
        }
        storage::SettingMap own = message;
        if (!p.thread.messages.empty() && inBuiltinFormat(p.thread.messages.back())) {
          own["builtin_template"] = int64_t(1);  // so will the next question be
        }
        STORE_TRY(settings, resolveFor(s, modelFileSettings(model), model.id, id ? id->str() : std::string(), own));
        p.settings = std::move(settings);
        return p;
      },
      [this, conversationId, draft, size = model->contextSize](storage::Result<Prepared> p) {
        if (!p) return;
        worker_.countTokens(
            draftRequest(p->thread, fromQt(draft), p->settings), [this, conversationId, size](Result<int> n) {
              const int used = n ? *n : size;  // it does not fit: the meter is full
              QMetaObject::invokeMethod(
                  this, [this, conversationId, used, size] { emit contextMeasured(conversationId, used, size); },
                  Qt::QueuedConnection);
            });
      });
}

std::optional<ui::Message> ChatAdapter::running(const QString& messageId) const {
  const auto it = answers_.constFind(messageId);
  if (it == answers_.constEnd()) return std::nullopt;
  return (*it)->shown;
}

void ChatAdapter::stopAllIn(const QString& conversationId) {
  for (const auto& a : std::as_const(answers_)) {
    if (a->conversation == conversationId) worker_.cancel(a->ticket);
  }
}

void ChatAdapter::forget(const QString& conversationId) {
  worker_.forget(fromQt(conversationId), model_.parkedFolder());
}

void ChatAdapter::shutDown() {
  drain();
  for (const auto& a : std::as_const(answers_)) {
    seal(*a, storage::MessageState::interrupted, "closed", {}, {});
    worker_.cancel(a->ticket);
  }
  answers_.clear();
  timer_.stop();
}

void ChatAdapter::drain() {
  const auto running = answers_.values();  // handling an event may add or end answers
  for (const std::shared_ptr<Answer>& a : running) {
    for (const AnswerInbox::Item& item : a->inbox->take()) {
      if (!a->over) handle(*a, item);
    }
    if (a->over) answers_.remove(toQt(a->id));
  }
  if (answers_.isEmpty()) timer_.stop();
}

void ChatAdapter::append(Answer& a, const PartDelta& delta, AnswerInbox::Time at) {
  const bool think = delta.kind == PartKind::think;
  if (think && !a.thoughtStart) a.thoughtStart = at;
  const ui::PartKind kind = think ? ui::PartKind::Think : ui::PartKind::Answer;
  const QString text = toQt(delta.text);
  const int tokens = a.tokensBefore[think ? 0 : 1] + delta.tokens;
  if (a.shown.parts.isEmpty() || a.shown.parts.back().kind != kind) a.shown.parts.push_back({.kind = kind});
  ui::Part& part = a.shown.parts.back();
  store_.appendDraft(a.id, kindOf(delta.kind), delta.text, tokens - part.tokens);
  part.text += text;
  part.tokens = tokens;
  emit appended(toQt(a.id), kind, text, tokens);
}

void ChatAdapter::handle(Answer& a, const AnswerInbox::Item& item) {
  const QString id = toQt(a.id);
  if (const auto* progress = std::get_if<PromptProgress>(&item.event)) {
    a.shown.turnsLeftOut = progress->turnsLeftOut;
    emit promptProgress(id, progress->done, progress->total);
  } else if (const auto* delta = std::get_if<PartDelta>(&item.event)) {
    append(a, *delta, item.at);
  } else if (const auto* ended = std::get_if<ThoughtEnded>(&item.event)) {
    const double ms = a.thoughtMsBefore + (a.thoughtStart ? msBetween(*a.thoughtStart, item.at) : 0);
    for (ui::Part& p : a.shown.parts) {
      if (p.kind == ui::PartKind::Think) p.durationMs = qint64(ms);
    }
    emit thoughtEnded(id, toUi(ended->why), qint64(ms));
  } else if (const auto* finished = std::get_if<Finished>(&item.event)) {
    storage::AnswerStats stats = toStats(*finished);
    stats.thinkTokens = a.tokensBefore[0] + finished->thinkTokens;
    stats.answerTokens = a.tokensBefore[1] + finished->answerTokens;
    stats.thinkMs = a.thoughtMsBefore + finished->thinkMs;
    seal(a, toState(finished->reason), name(finished->reason), stats, {});
  } else if (const auto* failed = std::get_if<Failed>(&item.event)) {
    if (isStall(failed->error)) return seal(a, storage::MessageState::interrupted, "stalled", {}, stallSentence());
    const bool refused = a.ownTemplate && isTemplateRefusal(failed->error);
    seal(a, storage::MessageState::failed, refused ? kTemplateRefused : "error", {}, toQt(failed->error.what));
  }
}

QString ChatAdapter::stallSentence() const {
  const auto stall = worker_.lastStall();
  logWarning(stall && stall->ended ? "the engine stood still and was started anew"
                                   : "the engine stood still and did not end; another one was started beside it");
  const QString said = tr(
      "The engine stood still for too long and was stopped. What it had written is kept; your next question starts it "
      "anew.");
  if (!stall || stall->ended) return said;
  return said + QLatin1Char(' ') +
         tr("It could not be ended and keeps %1 of memory until you close Lemma.")
             .arg(ui::formatBytes(qint64(stall->bytesKept)));
}

void ChatAdapter::seal(Answer& a, storage::MessageState state, const std::string& reason,
                       const storage::AnswerStats& stats, const QString& error) {
  a.over = true;
  storage::Sealing sealing{.message = a.id, .state = state, .stopReason = reason, .stats = stats};
  if (!error.isEmpty()) sealing.extra.push_back({.kind = storage::PartKind::error, .text = fromQt(error)});
  storage::Message asStored{.id = a.id, .role = storage::Role::assistant, .state = state, .stats = stats};
  ui::Message final = toUi(asStored);
  final.parts = a.shown.parts;
  for (ui::Part& p : final.parts) {
    if (p.kind == ui::PartKind::Think && p.durationMs == 0) p.durationMs = qint64(stats.thinkMs.value_or(0));
  }
  if (!error.isEmpty()) {
    final.parts.push_back({.kind = ui::PartKind::Error, .text = error, .templateRefused = reason == kTemplateRefused});
  }
  final.builtinFormat = a.shown.builtinFormat;
  final.createdMs = a.shown.createdMs;
  final.modelName = a.shown.modelName;
  final.version = a.shown.version;
  final.versions = a.shown.versions;
  a.shown = final;
  store_.seal(std::move(sealing), [this, conversation = a.conversation](storage::Result<void> done) {
    if (!done && history_) emit history_->failed(conversation, toQt(done.error().what));
  });
  emit messageChanged(final);
}

}  // namespace lemma::app
