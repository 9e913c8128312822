// What the window asks of whoever answers: send, stop, regenerate, and the stream of an answer.
// Owner: app implements it over engine and storage; ui/scripted over a script. The chat page calls it.
// UI thread only, calls and signals alike. No call blocks: work happens elsewhere and comes back as signals.
#pragma once

#include <QObject>

#include "ui/ports/chat_values.h"

namespace lemma::ui {

// The ids that send() promises. The rows themselves arrive by messageAdded(), before or after send() returns.
struct SentIds {
  QString conversationId, questionId, answerId;
  bool operator==(const SentIds&) const = default;
};

class ChatPort : public QObject {
  Q_OBJECT

 public:
  using QObject::QObject;

  // Asks `text` below the shown leaf of the conversation. An empty conversationId makes a new conversation, whose
  // row also comes by HistoryPort::conversationChanged(). Ids are returned at once. Without a model that is ready
  // the answer row arrives and fails with a sentence; the window does not offer sending then.
  virtual SentIds send(const QString& conversationId, const QString& text, const SendOptions& options) = 0;

  // A new sibling of that answer, to the same question. Returns its id; the thread arrives anew by
  // HistoryPort::loaded() with the new, streaming answer in the old one's place.
  virtual QString regenerate(const QString& answerId, const SendOptions& options) = 0;

  // Goes on from what a stopped, interrupted or failed answer holds: the same message streams again.
  // Announced by messageChanged() with state Streaming, then appended() as usual.
  virtual void continueAnswer(const QString& answerId, const SendOptions& options) = 0;

  // Keeps what is there; the answer ends by messageChanged() with state Stopped. Unknown ids are ignored.
  virtual void stop(const QString& answerId) = 0;

  // "Answer now": ends the thought at the next whole code point; thoughtEnded() follows, then the answer.
  virtual void answerNow(const QString& answerId) = 0;

  // Asks for contextMeasured(): the tokens that the conversation and this draft would take in a prompt.
  // Called when a conversation is shown, when an answer ends, and at most once a second while a draft is typed.
  virtual void measureContext(const QString& conversationId, const QString& draft) = 0;

  // The effort that new questions start with; remembered from one start of the program to the next.
  virtual Effort effort() const = 0;
  virtual void setEffort(const Effort& effort) = 0;

 signals:
  // A new message at the end of the conversation's shown path. The answer's row comes with state Streaming and
  // without parts, before the first appended() for it.
  void messageAdded(const QString& conversationId, const lemma::ui::Message& message);

  // The prompt is being read; done and total are tokens, cached ones count as done. At most 30 times a second.
  void promptProgress(const QString& messageId, int done, int total);

  // New text at the end of the message's last part, if that is of this kind, else of a new part of this kind.
  // At most 30 times a second (the port gathers tokens). `tokens` is the part's count so far.
  void appended(const QString& messageId, lemma::ui::PartKind kind, const QString& text, int tokens);

  // The thought is over; durationMs is how long it took.
  void thoughtEnded(const QString& messageId, lemma::ui::ThoughtEnd why, qint64 durationMs);

  // The whole message as it now stands: sent once when an answer ends (whatever the way; parts, state, stats,
  // turnsLeftOut are then final, an error is its last part), and when an ended one goes on.
  void messageChanged(const lemma::ui::Message& message);

  // Answer to measureContext(); size is what the loaded model's context holds, 0 without a model.
  void contextMeasured(const QString& conversationId, int usedTokens, int size);

  void effortChanged();
};

}  // namespace lemma::ui
