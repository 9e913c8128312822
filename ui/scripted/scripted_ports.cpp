#include "ui/scripted/scripted_ports.h"

#include <QDateTime>
#include <QFileInfo>
#include <QUuid>
#include <algorithm>
#include <utility>

namespace lemma::ui {
namespace {

constexpr qint64 kMsPerToken = 25;

QString newId() { return QUuid::createUuid().toString(QUuid::WithoutBraces); }

// Words with the white space that follows them.
QStringList words(const QString& text) {
  QStringList out;
  qsizetype begin = 0;
  while (begin < text.size()) {
    qsizetype end = begin;
    while (end < text.size() && !text[end].isSpace()) ++end;
    while (end < text.size() && text[end].isSpace()) ++end;
    out << text.mid(begin, end - begin);
    begin = end;
  }
  return out;
}

}  // namespace

void ScriptedHistory::exportTo(const QString& conversationId, const QUrl& file, ExportFormat format) {
  exports_.push_back({conversationId, file, format});
  emit exported(file.toLocalFile());
}

void ScriptedHistory::importFrom(const QUrl& file) {
  if (import_.isEmpty()) {
    emit failed(QString(), file.fileName() + QStringLiteral(": conversations is missing."));
    return;
  }
  int known = 0;
  for (const Thread& thread : std::as_const(import_)) {
    if (find(thread.head.id)) {
      ++known;
    } else {
      put(thread);
    }
  }
  emit imported(int(import_.size()) - known, known, 0);
  list();
}

void ScriptedHistory::put(const Thread& thread) { threads_.push_back(thread); }

ScriptedHistory::Thread* ScriptedHistory::find(const QString& conversationId) {
  const auto found = std::ranges::find(threads_, conversationId, [](const Thread& thread) { return thread.head.id; });
  return found == threads_.end() ? nullptr : &*found;
}

Message* ScriptedHistory::findAnswer(const QString& answerId, Thread** in, Turn** at) {
  for (Thread& thread : threads_) {
    for (Turn& turn : thread.turns) {
      for (Message& answer : turn.answers) {
        if (answer.id != answerId) continue;
        if (in) *in = &thread;
        if (at) *at = &turn;
        return &answer;
      }
    }
  }
  return nullptr;
}

QList<Message> ScriptedHistory::path(const Thread& thread) const {
  QList<Message> out;
  for (const Turn& turn : thread.turns) {
    out << turn.question;
    if (turn.answers.isEmpty()) continue;
    out << turn.answers[turn.shown];
    out.last().version = turn.shown + 1;
    out.last().versions = int(turn.answers.size());
  }
  return out;
}

void ScriptedHistory::touch(Thread& thread) {
  thread.head.updatedMs = QDateTime::currentMSecsSinceEpoch();
  emit conversationChanged(thread.head);
}

void ScriptedHistory::list() {
  QList<Conversation> out;
  for (const Thread& thread : threads_) {
    if (!thread.removed) out << thread.head;
  }
  std::ranges::stable_sort(out, std::ranges::greater{}, &Conversation::updatedMs);
  QTimer::singleShot(0, this, [this, out] { emit listed(out); });
}

void ScriptedHistory::load(const QString& conversationId) {
  if (!loadFailure_.isEmpty()) {
    const QString sentence = std::exchange(loadFailure_, QString());
    QTimer::singleShot(0, this, [this, conversationId, sentence] { emit failed(conversationId, sentence); });
    return;
  }
  QTimer::singleShot(0, this, [this, conversationId] {
    if (const Thread* thread = find(conversationId)) emit loaded(conversationId, path(*thread));
  });
}

void ScriptedHistory::rename(const QString& conversationId, const QString& title) {
  if (Thread* thread = find(conversationId)) {
    thread->head.title = title;
    emit conversationChanged(thread->head);
  }
}

void ScriptedHistory::remove(const QString& conversationId) {
  if (Thread* thread = find(conversationId)) {
    thread->removed = true;
    emit conversationRemoved(conversationId);
  }
}

void ScriptedHistory::restore(const QString& conversationId) {
  if (Thread* thread = find(conversationId)) {
    thread->removed = false;
    emit conversationChanged(thread->head);
  }
}

void ScriptedHistory::showVersion(const QString& conversationId, const QString& answerId, int step) {
  Turn* turn = nullptr;
  if (!findAnswer(answerId, nullptr, &turn)) return;
  const int wanted = turn->shown + step;
  if (wanted < 0 || wanted >= turn->answers.size()) return;
  turn->shown = wanted;
  emit loaded(conversationId, path(*find(conversationId)));
}

void ScriptedModel::setKnown(const QList<ModelCard>& known) {
  known_ = known;
  current_ = known.isEmpty() ? ModelCard{} : known.first();
  state_ = known.isEmpty() ? State::Empty : State::Ready;
  emit changed();
}

void ScriptedModel::startLoading(const ModelCard& model) {
  before_ = state_ == State::Ready ? current_ : ModelCard{};
  current_ = model;
  state_ = State::Loading;
  done_ = 0;
  problem_.clear();
  details_.clear();
  emit changed();
}

void ScriptedModel::setLoaded(qint64 bytes) {
  done_ = bytes;
  if (done_ < current_.fileBytes) {
    emit progressed();
    return;
  }
  state_ = State::Ready;
  known_.removeIf([this](const ModelCard& model) { return model.id == current_.id; });
  known_.prepend(current_);
  emit changed();
}

void ScriptedModel::cancelLoading() {
  if (state_ != State::Loading) return;
  current_ = before_;
  state_ = before_.id.isEmpty() ? State::Empty : State::Ready;
  emit changed();
}

void ScriptedModel::fail(State state, const QString& problem, const QString& details) {
  state_ = state;
  problem_ = problem;
  details_ = details;
  emit changed();
}

void ScriptedModel::open(const QUrl& file) {
  opened_ << file;
  const QFileInfo info(file.toLocalFile());
  startLoading({.id = file.toString(),
                .name = info.completeBaseName(),
                .quantisation = {},
                .path = info.filePath(),
                .fileBytes = 98'000'000,
                .contextSize = 8192,
                .host = {}});
  for (int i = 1; i <= 20; ++i) {
    QTimer::singleShot(i * 60, this, [this, i, id = current_.id] {
      if (state_ == State::Loading && current_.id == id) setLoaded(current_.fileBytes * i / 20);
    });
  }
}

void ScriptedModel::use(const QString& modelId) {
  const auto found = std::ranges::find(known_, modelId, &ModelCard::id);
  if (found == known_.end()) return;
  current_ = *found;
  state_ = State::Ready;
  emit changed();
}

ScriptedChat::ScriptedChat(ScriptedHistory& history, ScriptedModel& model, int paceMs, QObject* parent)
    : ChatPort(parent), history_(history), model_(model) {
  if (paceMs > 0) {
    pace_.setInterval(paceMs);
    connect(&pace_, &QTimer::timeout, this, &ScriptedChat::step);
    pace_.start();
  }
}

void ScriptedChat::setEffort(const Effort& effort) {
  effort_ = effort;
  emit effortChanged();
}

SentIds ScriptedChat::send(const QString& conversationId, const QString& text, const SendOptions& options) {
  const qint64 now = QDateTime::currentMSecsSinceEpoch();
  if (conversationId.isEmpty()) {
    ScriptedHistory::Thread thread;
    thread.head = {newId(), text.simplified().left(60), now};
    history_.put(thread);
    return send(thread.head.id, text, options);
  }
  ScriptedHistory::Thread* thread = history_.find(conversationId);
  if (!thread) return {};
  ScriptedHistory::Turn turn;
  turn.question.id = newId();
  turn.question.createdMs = now;
  turn.question.parts = {{.kind = PartKind::Answer, .text = text, .details = {}, .tokens = 0, .durationMs = 0}};
  Message answer;
  answer.id = newId();
  answer.role = Role::Assistant;
  answer.state = MessageState::Streaming;
  answer.createdMs = now;
  answer.modelName = model_.current().name;
  answer.turnsLeftOut = script_.turnsLeftOut;
  turn.answers = {answer};
  thread->turns << turn;
  history_.touch(*thread);
  emit messageAdded(conversationId, turn.question);
  emit messageAdded(conversationId, answer);
  start(conversationId, answer.id, options, answer);
  return {conversationId, turn.question.id, answer.id};
}

QString ScriptedChat::regenerate(const QString& answerId, const SendOptions& options) {
  ScriptedHistory::Thread* thread = nullptr;
  ScriptedHistory::Turn* turn = nullptr;
  const Message* old = history_.findAnswer(answerId, &thread, &turn);
  if (!old) return {};
  Message answer = *old;
  answer.id = newId();
  answer.state = MessageState::Streaming;
  answer.parts.clear();
  answer.stats = {};
  turn->answers << answer;
  turn->shown = int(turn->answers.size()) - 1;
  emit history_.loaded(thread->head.id, history_.path(*thread));
  start(thread->head.id, answer.id, options, answer);
  return answer.id;
}

void ScriptedChat::continueAnswer(const QString& answerId, const SendOptions& options) {
  ScriptedHistory::Thread* thread = nullptr;
  Message* answer = history_.findAnswer(answerId, &thread);
  if (!answer) return;
  answer->state = MessageState::Streaming;
  if (!answer->parts.isEmpty() && answer->parts.last().kind == PartKind::Error) answer->parts.removeLast();
  emit messageChanged(*answer);
  start(thread->head.id, answerId, options, *answer);
}

// Words that the answer already holds are not said again.
void ScriptedChat::start(const QString& conversationId, const QString& answerId, const SendOptions& options,
                         const Message& soFar) {
  Running running{.conversationId = conversationId, .answerId = answerId, .builtinFormat = options.builtinFormat};
  if (script_.templateRefuses && !options.builtinFormat) {
    running_ << running;  // not a word comes of it
    return;
  }
  if (options.effort.level != Effort::Level::Off) running.thought = words(script_.thought);
  running.answer = words(script_.answer);
  const auto skip = [](QStringList& list, qsizetype chars) {
    while (!list.isEmpty() && chars > 0) chars -= list.takeFirst().size();
  };
  for (const Part& part : soFar.parts) {
    if (part.kind == PartKind::Think) {
      running.thoughtOpen = true;
      running.thinkTokens = part.tokens;
      skip(running.thought, part.text.size());
    } else if (part.kind == PartKind::Answer) {
      running.thoughtOpen = false;
      running.thought.clear();
      running.answerTokens = part.tokens;
      skip(running.answer, part.text.size());
    }
  }
  running_ << running;
}

void ScriptedChat::say(Running& running, PartKind kind, const QString& text) {
  int& tokens = kind == PartKind::Think ? running.thinkTokens : running.answerTokens;
  ++tokens;
  Message* message = history_.findAnswer(running.answerId);
  if (message->parts.isEmpty() || message->parts.last().kind != kind) {
    message->parts << Part{.kind = kind, .text = {}, .details = {}, .tokens = 0, .durationMs = 0};
  }
  message->parts.last().text += text;
  message->parts.last().tokens = tokens;
  if (kind == PartKind::Think) message->parts.last().durationMs += kMsPerToken;
  emit appended(running.answerId, kind, text, tokens);
}

void ScriptedChat::closeThought(Running& running, ThoughtEnd why) {
  running.thoughtOpen = false;
  running.thought.clear();
  const Message* message = history_.findAnswer(running.answerId);
  const qint64 ms = message->parts.isEmpty() ? 0 : message->parts.last().durationMs;
  emit thoughtEnded(running.answerId, why, ms);
}

bool ScriptedChat::step() {
  if (running_.isEmpty()) return false;
  Running& running = running_.first();
  if (running.prompt < script_.promptTokens) {
    running.prompt = std::min(script_.promptTokens, running.prompt + 16);
    emit promptProgress(running.answerId, running.prompt, script_.promptTokens);
  } else if (!running.thought.isEmpty()) {
    running.thoughtOpen = true;
    say(running, PartKind::Think, running.thought.takeFirst());
  } else if (running.thoughtOpen) {
    closeThought(running, ThoughtEnd::Model);
  } else if (!running.answer.isEmpty()) {
    say(running, PartKind::Answer, running.answer.takeFirst());
  } else {
    const bool fails = !script_.failure.isEmpty() && !(script_.templateRefuses && running.builtinFormat);
    end(fails ? MessageState::Failed : MessageState::Complete, fails ? script_.failure : QString());
  }
  return true;
}

void ScriptedChat::end(MessageState state, const QString& failure) {
  const Running running = running_.takeFirst();
  ScriptedHistory::Thread* thread = nullptr;
  ScriptedHistory::Turn* turn = nullptr;
  Message* message = history_.findAnswer(running.answerId, &thread, &turn);
  if (!message) return;
  message->state = state;
  message->stats = {.tokensPerSecond = 1000.0 / kMsPerToken,
                    .promptTokensPerSecond = 640,
                    .firstTokenMs = 300,
                    .promptTokens = script_.promptTokens,
                    .cachedTokens = 0,
                    .answerTokens = running.answerTokens,
                    .thinkTokens = running.thinkTokens};
  message->builtinFormat = running.builtinFormat;
  message->version = int(turn->answers.size());
  message->versions = int(turn->answers.size());
  if (!failure.isEmpty()) {
    message->parts << Part{.kind = PartKind::Error,
                           .text = failure,
                           .details = QStringLiteral("scripted failure"),
                           .tokens = 0,
                           .durationMs = 0,
                           .templateRefused = script_.templateRefuses};
  }
  emit messageChanged(*message);
}

void ScriptedChat::stop(const QString& answerId) {
  const auto found = std::ranges::find(running_, answerId, &Running::answerId);
  if (found == running_.end()) return;
  std::iter_swap(found, running_.begin());
  end(MessageState::Stopped, {});
}

void ScriptedChat::answerNow(const QString& answerId) {
  const auto found = std::ranges::find(running_, answerId, &Running::answerId);
  if (found != running_.end() && found->thoughtOpen) closeThought(*found, ThoughtEnd::Person);
}

void ScriptedChat::measureContext(const QString& conversationId, const QString& draft) {
  qsizetype chars = draft.size();
  if (const ScriptedHistory::Thread* thread = history_.find(conversationId)) {
    for (const Message& message : history_.path(*thread)) {
      for (const Part& part : message.parts) chars += part.kind == PartKind::Answer ? part.text.size() : 0;
    }
  }
  emit contextMeasured(conversationId, int(chars / 4), model_.current().contextSize);
}

void FixedAppearance::set(bool dark, bool reducedMotion, bool highContrast) {
  dark_ = dark;
  reducedMotion_ = reducedMotion;
  highContrast_ = highContrast;
  emit changed();
}

}  // namespace lemma::ui
