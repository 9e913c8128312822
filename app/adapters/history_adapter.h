// The window's HistoryPort over the store. Owner: AppServices. UI thread; files that are brought in are read on one of
// its own, which the end waits for.
#pragma once

#include <QThreadPool>

#include "app/adapters/chat_adapter.h"
#include "storage/storage_thread.h"
#include "ui/ports/history_port.h"

namespace lemma::app {

class HistoryAdapter : public ui::HistoryPort {
  Q_OBJECT

 public:
  HistoryAdapter(storage::StorageThread& store, ChatAdapter& chat, QObject* parent = nullptr);

  void list() override;
  void load(const QString& conversationId) override;
  void rename(const QString& conversationId, const QString& title) override;
  void remove(const QString& conversationId) override;
  void restore(const QString& conversationId) override;
  void showVersion(const QString& conversationId, const QString& answerId, int step) override;
  void exportTo(const QString& conversationId, const QUrl& file, ui::ExportFormat format) override;
  void importFrom(const QUrl& file) override;

 private:
  void tell(const storage::Thread& thread);
  void tellConversation(const QString& conversationId);
  void bringIn(std::vector<storage::ConversationTree> trees);

  storage::StorageThread& store_;
  ChatAdapter& chat_;
  QThreadPool reading_;  // of one thread: files come in as they were chosen. Last: ends before what it tells
};

}  // namespace lemma::app
