// The ports over a script instead of a model and a store: for lemma-offline, the window's tests and its pictures.
// Owner: the program or test that makes them. UI thread. Everything lives in memory; time passes by step().
#pragma once

#include <QHash>
#include <QTimer>

#include "ui/ports/ports.h"

namespace lemma::ui {

// What the scripted model says to every question.
struct Script {
  QString thought;  // with effort off, or empty: none
  QString answer;
  QString failure;               // not empty: ends with this sentence instead of completing
  bool templateRefuses = false;  // it fails because of that, so not in the built-in format
  int promptTokens = 48;
  int turnsLeftOut = 0;
};

// Conversations in memory. A question and the answers to it are one turn; one of the answers is shown.
class ScriptedHistory : public HistoryPort {
  Q_OBJECT

 public:
  struct Turn {
    Message question;
    QList<Message> answers;
    int shown = 0;
  };
  struct Thread {
    Conversation head;
    QList<Turn> turns;
    bool removed = false;
  };

  using HistoryPort::HistoryPort;

  void list() override;
  void load(const QString& conversationId) override;
  void rename(const QString& conversationId, const QString& title) override;
  void remove(const QString& conversationId) override;
  void restore(const QString& conversationId) override;
  void showVersion(const QString& conversationId, const QString& answerId, int step) override;
  void exportTo(const QString& conversationId, const QUrl& file, ExportFormat format) override;
  void importFrom(const QUrl& file) override;

  void put(const Thread& thread);
  Thread* find(const QString& conversationId);
  Message* findAnswer(const QString& answerId, Thread** in = nullptr, Turn** turn = nullptr);
  void touch(Thread& thread);
  QList<Message> path(const Thread& thread) const;
  struct Export {
    QString conversationId;
    QUrl file;
    ExportFormat format;
  };
  const QList<Export>& exports() const { return exports_; }
  void setImport(const QList<Thread>& threads) { import_ = threads; }  // what every file holds; nothing: it is broken
  void failNextLoad(const QString& sentence) { loadFailure_ = sentence; }

 private:
  QList<Thread> threads_;
  QList<Export> exports_;
  QList<Thread> import_;
  QString loadFailure_;
};

class ScriptedModel : public ModelPort {
  Q_OBJECT

 public:
  using ModelPort::ModelPort;

  State state() const override { return state_; }
  ModelCard current() const override { return current_; }
  qint64 bytesDone() const override { return done_; }
  qint64 bytesTotal() const override { return current_.fileBytes; }
  QString problem() const override { return problem_; }
  QString problemDetails() const override { return details_; }
  QList<ModelCard> known() const override { return known_; }
  void open(const QUrl& file) override;
  void use(const QString& modelId) override;
  void retry() override { startLoading(current_); }
  void cancelLoading() override;

  void setKnown(const QList<ModelCard>& known);  // the first becomes the current one, ready
  void startLoading(const ModelCard& model);
  void setLoaded(qint64 bytes);  // all of them: ready
  void fail(State state, const QString& problem, const QString& details);
  QList<QUrl> opened() const { return opened_; }

 private:
  State state_ = State::Empty;
  ModelCard current_, before_;
  QList<ModelCard> known_;
  QList<QUrl> opened_;
  qint64 done_ = 0;
  QString problem_, details_;
};

class ScriptedChat : public ChatPort {
  Q_OBJECT

 public:
  // paceMs: time between two pieces of text; 0 = only step() moves on.
  ScriptedChat(ScriptedHistory& history, ScriptedModel& model, int paceMs, QObject* parent = nullptr);

  SentIds send(const QString& conversationId, const QString& text, const SendOptions& options) override;
  QString regenerate(const QString& answerId, const SendOptions& options) override;
  void continueAnswer(const QString& answerId, const SendOptions& options) override;
  void stop(const QString& answerId) override;
  void answerNow(const QString& answerId) override;
  void measureContext(const QString& conversationId, const QString& draft) override;
  Effort effort() const override { return effort_; }
  void setEffort(const Effort& effort) override;

  void setScript(const Script& script) { script_ = script; }

  // One piece of the running answer: the prompt, a word of thought or answer, or the end. False: nothing runs.
  bool step();
  void finishAll() {
    while (step()) {
    }
  }

 private:
  struct Running {
    QString conversationId, answerId;
    QStringList thought, answer;  // words that are still to come
    int prompt = 0;
    bool thoughtOpen = false;
    bool builtinFormat = false;
    int thinkTokens = 0, answerTokens = 0;
  };

  void start(const QString& conversationId, const QString& answerId, const SendOptions& options, const Message& soFar);
  void say(Running& running, PartKind kind, const QString& text);
  void closeThought(Running& running, ThoughtEnd why);
  void end(MessageState state, const QString& failure);

  ScriptedHistory& history_;
  ScriptedModel& model_;
  Script script_;
  Effort effort_;
  QList<Running> running_;
  QTimer pace_;
};

class FixedAppearance : public AppearancePort {
  Q_OBJECT

 public:
  using AppearancePort::AppearancePort;

  bool dark() const override { return dark_; }
  bool reducedMotion() const override { return reducedMotion_; }
  bool highContrast() const override { return highContrast_; }
  void set(bool dark, bool reducedMotion, bool highContrast = false);

 private:
  bool dark_ = false, reducedMotion_ = false, highContrast_ = false;
};

}  // namespace lemma::ui
