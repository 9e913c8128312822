#include "ui/pages/chat/chat_page_vm.h"

#include <QClipboard>
#include <QGuiApplication>
#include <utility>

#include "ui/models/format.h"
#include "ui/models/span_text.h"

namespace lemma::ui {
namespace {

constexpr int kMeasureMs = 1000;
constexpr int kStillAtWorkMs = 7000;

}  // namespace

ChatPageVm::ChatPageVm(ChatPort& chat, HistoryPort& history, ModelVm& model, QObject* parent)
    : QObject(parent), chat_(chat), history_(history), model_(model) {
  measure_.setSingleShot(true);
  measure_.setInterval(kMeasureMs);
  connect(&measure_, &QTimer::timeout, this, &ChatPageVm::measureContext);
  stillAtWork_.setInterval(kStillAtWorkMs);
  connect(&stillAtWork_, &QTimer::timeout, this,
          [this] { announce(thinking() ? tr("Still thinking") : tr("Still writing")); });
  connect(&messages_, &MessageListModel::stateChanged, this, [this] {
    announceState();
    emit stateChanged();
  });
  connect(&model_, &ModelVm::changed, this, [this] {
    emit stateChanged();
    measureContext();
  });
  connectPorts();
}

void ChatPageVm::connectPorts() {
  connect(&chat_, &ChatPort::messageAdded, this, [this](const QString& conversation, const Message& message) {
    if (startingNew_ && conversationId_.isEmpty()) conversationId_ = conversation;
    if (conversation == conversationId_) messages_.add(message);
  });
  connect(&chat_, &ChatPort::promptProgress, &messages_, &MessageListModel::setPromptProgress);
  connect(&chat_, &ChatPort::appended, &messages_, &MessageListModel::appendText);
  connect(&chat_, &ChatPort::thoughtEnded, &messages_,
          [this](const QString& id, ThoughtEnd, qint64 ms) { messages_.endThought(id, ms); });
  connect(&chat_, &ChatPort::messageChanged, this, [this](const Message& message) {
    messages_.replace(message);
    if (messages_.contains(message.id) && message.state != MessageState::Streaming) measureContext();
  });
  connect(&chat_, &ChatPort::contextMeasured, this, [this](const QString& conversation, int used, int size) {
    if (conversation != conversationId_) return;
    contextUsed_ = used;
    contextSize_ = size;
    emit contextChanged();
  });
  connect(&chat_, &ChatPort::effortChanged, this, &ChatPageVm::effortChanged);
  connect(&history_, &HistoryPort::loaded, this, [this](const QString& conversation, const QList<Message>& messages) {
    if (conversation != conversationId_) return;
    loading_ = false;
    problem_.clear();
    said_ = Said::Nothing;
    messages_.reset(messages);
    measureContext();
  });
  connect(&history_, &HistoryPort::failed, this, [this](const QString& conversation, const QString& sentence) {
    if (conversation != conversationId_ || !loading_) return;
    loading_ = false;
    problem_ = sentence;
    emit stateChanged();
  });
}

void ChatPageVm::show(const QString& conversationId) {
  if (!draft_.isEmpty()) drafts_.insert(conversationId_, draft_);
  conversationId_ = conversationId;
  title_.clear();
  problem_.clear();
  contextUsed_ = 0;
  said_ = Said::Nothing;
  loading_ = !conversationId.isEmpty();
  messages_.reset({});
  draft_ = drafts_.take(conversationId);
  emit conversationChanged();
  emit titleChanged();
  emit draftChanged();
  emit contextChanged();
  emit stateChanged();
  if (loading_) {
    history_.load(conversationId);
  } else {
    measureContext();
  }
}

void ChatPageVm::reload() {
  if (conversationId_.isEmpty()) return;
  loading_ = true;
  problem_.clear();
  emit stateChanged();
  history_.load(conversationId_);
}

void ChatPageVm::setTitle(const QString& title) {
  const QString shown = drawable(title).simplified();
  if (shown == title_) return;
  title_ = shown;
  emit titleChanged();
}

bool ChatPageVm::canSend() const {
  return model_.ready() && !generating() && !loading_ && problem_.isEmpty() && !draft_.trimmed().isEmpty();
}

bool ChatPageVm::hasAnswer() const {
  const Message* last = messages_.last();
  return last && last->role == Role::Assistant && !messages_.textOf(last->id, PartKind::Answer).isEmpty();
}

void ChatPageVm::setDraft(const QString& draft) {
  if (draft == draft_) return;
  draft_ = draft;
  emit draftChanged();
  emit stateChanged();
  if (!measure_.isActive()) measure_.start();
}

SendOptions ChatPageVm::options(const Message* sameFormatAs) const {
  return {.effort = chat_.effort(), .builtinFormat = sameFormatAs && sameFormatAs->builtinFormat};
}

void ChatPageVm::send() {
  if (!canSend()) return;
  const QString text = draft_.trimmed();
  startingNew_ = conversationId_.isEmpty();
  const SentIds ids = chat_.send(conversationId_, text, options(messages_.last()));
  draft_.clear();
  emit draftChanged();
  if (std::exchange(startingNew_, false)) {
    conversationId_ = ids.conversationId;
    emit conversationChanged();
    emit conversationStarted(conversationId_);
  }
  emit stateChanged();
  emit sent();
}

void ChatPageVm::stop() {
  if (generating()) chat_.stop(messages_.last()->id);
}

void ChatPageVm::answerNow() {
  if (thinking()) chat_.answerNow(messages_.last()->id);
}

void ChatPageVm::regenerate(const QString& answerId) {
  if (generating() || !model_.ready()) return;
  chat_.regenerate(answerId, options());
  emit sent();
}

void ChatPageVm::answerInBuiltinFormat(const QString& answerId) {
  if (generating() || !model_.ready()) return;
  SendOptions builtin = options();
  builtin.builtinFormat = true;
  chat_.regenerate(answerId, builtin);
  emit sent();
}

void ChatPageVm::continueAnswer(const QString& answerId) {
  if (generating() || !model_.ready()) return;
  chat_.continueAnswer(answerId, options(messages_.message(answerId)));
  emit sent();
}

void ChatPageVm::showVersion(const QString& answerId, int step) {
  if (!generating()) history_.showVersion(conversationId_, answerId, step);
}

void ChatPageVm::copyText(const QString& text) {
  QGuiApplication::clipboard()->setText(text);
  announce(tr("Copied"));
}

void ChatPageVm::copyAnswer(const QString& answerId) { copyText(messages_.textOf(answerId, PartKind::Answer)); }

void ChatPageVm::copyThought(const QString& answerId) { copyText(messages_.textOf(answerId, PartKind::Think)); }

void ChatPageVm::copyLastAnswer() {
  if (hasAnswer()) copyAnswer(messages_.last()->id);
}

void ChatPageVm::regenerateLast() {
  if (const Message* last = messages_.last(); last && last->role == Role::Assistant) regenerate(last->id);
}

bool ChatPageVm::canContinueLast() const {
  const Message* last = messages_.last();
  return last && !generating() && model_.ready() && last->role == Role::Assistant &&
         last->state != MessageState::Complete;
}

void ChatPageVm::continueLast() {
  if (canContinueLast()) continueAnswer(messages_.last()->id);
}

bool ChatPageVm::lastHasVersion(int step) const {
  const Message* last = messages_.last();
  if (!last || generating()) return false;
  return last->version + step >= 1 && last->version + step <= last->versions;
}

void ChatPageVm::versionOfLast(int step) {
  if (lastHasVersion(step)) showVersion(messages_.last()->id, step);
}

QString ChatPageVm::effortText() const { return tr("Thinking: %1").arg(effortName(chat_.effort())); }

QVariantList ChatPageVm::efforts() const {
  const struct {
    Effort::Level level;
    QString explanation;
  } choices[] = {
      {Effort::Level::Off, tr("Answers at once")},
      {Effort::Level::Low, tr("Up to 512 tokens of thought")},
      {Effort::Level::Medium, tr("Up to 2,048 tokens of thought")},
      {Effort::Level::High, tr("Up to 8,192 tokens of thought")},
      {Effort::Level::Max, tr("As much as the context holds")},
  };
  QVariantList out;
  for (const auto& choice : choices) {
    out << QVariantMap{{QStringLiteral("level"), int(choice.level)},
                       {QStringLiteral("name"), effortName({.level = choice.level, .tokens = 0})},
                       {QStringLiteral("explanation"), choice.explanation},
                       {QStringLiteral("current"), choice.level == chat_.effort().level}};
  }
  return out;
}

void ChatPageVm::setEffortLevel(int level) {
  if (level < int(Effort::Level::Off) || level > int(Effort::Level::Max)) return;
  chat_.setEffort({.level = Effort::Level(level), .tokens = 0});
}

void ChatPageVm::measureContext() {
  if (model_.ready()) chat_.measureContext(conversationId_, draft_);
}

QString ChatPageVm::contextText() const {
  if (contextSize_ <= 0) return {};
  return tr("%1 / %2 context").arg(formatShort(contextUsed_), formatShort(contextSize_));
}

QString ChatPageVm::contextExplanation() const {
  if (contextSize_ <= 0) return {};
  return tr("This conversation and your draft take %1 of the %2 tokens that the model can hold at once. When they no "
            "longer fit, the oldest turns are left out.")
      .arg(contextUsed_)
      .arg(contextSize_);
}

qreal ChatPageVm::contextFraction() const {
  return contextSize_ > 0 ? qMin<qreal>(1, qreal(contextUsed_) / contextSize_) : 0;
}

// A screen reader hears the turns of an answer, not its tokens.
void ChatPageVm::announceState() {
  const Message* last = messages_.last();
  if (!last || last->role != Role::Assistant) return;
  if (!generating()) {
    stillAtWork_.stop();
    if (said_ == Said::Thinking || said_ == Said::Answering) {
      said_ = Said::Done;
      const QString answer = messages_.textOf(last->id, PartKind::Answer);
      const int words = int(answer.split(QLatin1Char(' '), Qt::SkipEmptyParts).size());
      if (last->state == MessageState::Complete) {
        announce(tr("Answer ready, %n word(s)", nullptr, words));
      } else {
        announce(last->state == MessageState::Stopped ? tr("Stopped") : tr("The answer failed"));
      }
    }
    return;
  }
  const Said now = last->parts.isEmpty() ? Said::Nothing : thinking() ? Said::Thinking : Said::Answering;
  if (now == said_ || now == Said::Nothing) {
    if (now == Said::Nothing) said_ = now;
    return;
  }
  said_ = now;
  stillAtWork_.start();
  announce(now == Said::Thinking ? tr("Thinking") : tr("Answering"));
}

void ChatPageVm::announce(const QString& text) {
  announcement_ = text;
  emit announcementChanged();
}

}  // namespace lemma::ui
