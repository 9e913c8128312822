// The window's HistoryPort over the store. Owner: AppServices. UI thread.
#pragma once

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

  storage::StorageThread& store_;
  ChatAdapter& chat_;
};

}  // namespace lemma::app
