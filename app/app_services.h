// The composition root of the desktop: paths, lock, store, engine, and the ports that the window gets.
// Owner: main(). UI thread; it starts the storage and the engine thread and joins them at its end.
#pragma once

#include <QObject>
#include <memory>

#include "app/adapters/chat_adapter.h"
#include "app/adapters/history_adapter.h"
#include "app/adapters/model_adapter.h"
#include "app/core/engine_worker.h"
#include "app/core/paths.h"
#include "storage/storage_thread.h"

namespace lemma::app {

class AppServices : public QObject {
  Q_OBJECT

 public:
  // `overrides`: settings for every answer of this run, above all that is stored.
  explicit AppServices(const Paths& paths, storage::SettingMap overrides = {}, EngineWorker::Options worker = {});
  ~AppServices() override;

  ChatAdapter* chat() { return chat_.get(); }
  HistoryAdapter* history() { return history_.get(); }
  ModelAdapter* model() { return model_.get(); }

 private:
  void opened(const storage::Result<storage::OpenReport>& report);

  // Made first, ended last: callbacks of store and worker end before the adapters that they would call.
  std::unique_ptr<ChatAdapter> chat_;
  std::unique_ptr<HistoryAdapter> history_;
  std::unique_ptr<ModelAdapter> model_;
  std::unique_ptr<EngineWorker> worker_;
  std::unique_ptr<storage::StorageThread> store_;
};

}  // namespace lemma::app
