// The window's ChatPort over the engine's worker and the store. The question is on the disk before the engine hears
// of it, what streams is written at least every 100 ms, and an answer is sealed when it ends.
// Owner: AppServices. UI thread; events of the engine come through an AnswerInbox.
#pragma once

#include <QHash>
#include <QTimer>
#include <memory>
#include <optional>

#include "app/adapters/answer_inbox.h"
#include "app/adapters/model_adapter.h"
#include "app/core/engine_worker.h"
#include "storage/storage_thread.h"
#include "ui/ports/chat_port.h"
#include "ui/ports/history_port.h"

namespace lemma::app {

class ChatAdapter : public ui::ChatPort {
  Q_OBJECT

 public:
  ChatAdapter(EngineWorker& worker, storage::StorageThread& store, ModelAdapter& model, QObject* parent = nullptr);
  ~ChatAdapter() override;

  // Threads that change by regenerate() are told to the window through it.
  void setHistory(ui::HistoryPort* history) { history_ = history; }

  // Settings for every answer of this run, above all that is stored; for scripts and tests.
  void setOverrides(storage::SettingMap overrides) { overrides_ = std::move(overrides); }

  ui::SentIds send(const QString& conversationId, const QString& text, const ui::SendOptions& options) override;
  QString regenerate(const QString& answerId, const ui::SendOptions& options) override;
  void continueAnswer(const QString& answerId, const ui::SendOptions& options) override;
  void stop(const QString& answerId) override;
  void answerNow(const QString& answerId) override;
  void measureContext(const QString& conversationId, const QString& draft) override;
  ui::Effort effort() const override { return effort_; }
  void setEffort(const ui::Effort& effort) override;

  // The message as it stands now, where it is being generated: the store is up to 100 ms behind, and one commit.
  std::optional<ui::Message> running(const QString& messageId) const;
  void stopAllIn(const QString& conversationId);
  // What the engine keeps of it on disk goes.
  void forget(const QString& conversationId);
  // Writes what is not yet written and ends every answer; for the program's end.
  void shutDown();

 private:
  struct Answer;
  struct Prepared {
    storage::Thread thread;
    storage::ResolvedSettings settings;
  };
  using Job = std::function<storage::Result<storage::Thread>(storage::Store&, const storage::AnswerSnapshot&)>;

  // Settings, snapshot and the change of the thread, in one job on the storage thread; then the engine.
  void prepare(const QString& conversationId, storage::MessageId answer, const ui::SendOptions& options, Job job,
               std::function<void(const Prepared&)> shown, std::function<void(const QString&)> failed);
  void generate(const Prepared& prepared, storage::MessageId answer);
  void drain();
  void handle(Answer& a, const AnswerInbox::Item& item);
  void append(Answer& a, const PartDelta& delta, AnswerInbox::Time at);
  void seal(Answer& a, storage::MessageState state, const std::string& reason, const storage::AnswerStats& stats,
            const QString& error);
  QString stallSentence() const;
  void failUnsaved(const ui::SentIds& ids, const QString& text, const QString& sentence);

  EngineWorker& worker_;
  storage::StorageThread& store_;
  ModelAdapter& model_;
  ui::HistoryPort* history_ = nullptr;
  storage::IdGenerator ids_;
  ui::Effort effort_;
  storage::SettingMap overrides_;
  QHash<QString, std::shared_ptr<Answer>> answers_;
  QHash<QString, bool> wishes_;  // answers on their way to the engine that were told to stop
  QTimer timer_;
};

}  // namespace lemma::app
