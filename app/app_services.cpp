#include "app/app_services.h"

#include "app/adapters/translate.h"

namespace lemma::app {

AppServices::AppServices(const Paths& paths, storage::SettingMap overrides, EngineWorker::Options worker) {
  storage::StorageThread::Options options;
  options.path = paths.database();
  options.store.salvage = true;
  // Callbacks are posted to this object, so none runs after it is gone.
  auto executor = [this](std::function<void()> call) {
    QMetaObject::invokeMethod(this, std::move(call), Qt::QueuedConnection);
  };
  storage::StorageThread::Callbacks callbacks;
  callbacks.opened = [this](const storage::Result<storage::OpenReport>& report) { opened(report); };
  callbacks.draftTrouble = [this](const std::optional<storage::Error>& error) {
    // Told by the history, like everything that could not be saved; that it works again needs no words.
    if (error) emit history_->failed(QString(), toQt(error->what));
  };
  store_ = std::make_unique<storage::StorageThread>(std::move(options), executor, std::move(callbacks));
  worker_ = std::make_unique<EngineWorker>(worker);
  model_ = std::make_unique<ModelAdapter>(*worker_, *store_, paths, overrides);
  chat_ = std::make_unique<ChatAdapter>(*worker_, *store_, *model_);
  history_ = std::make_unique<HistoryAdapter>(*store_, *chat_);
  chat_->setHistory(history_.get());
  chat_->setOverrides(std::move(overrides));
}

AppServices::~AppServices() {
  chat_->shutDown();
  model_->shutDown();
  worker_.reset();
  store_.reset();
}

void AppServices::opened(const storage::Result<storage::OpenReport>& report) {
  if (!report) {
    emit history_->failed(QString(), toQt(report.error().what));
  } else if (!report->notice.empty()) {
    emit history_->failed(QString(), toQt(report->notice));
  }
  if (report && report->salvaged) {
    emit history_->salvaged(static_cast<int>(report->salvaged->conversations), toQt(report->salvaged->kept));
    history_->list();  // the window may have asked before
  }
  if (report && !report->readOnly) {
    // What was deleted a month ago goes for good; a failure shows itself when something must be saved.
    store_->call([](storage::Store& s) { return s.purgeBin(storage::Store::kBinAge); },
                 [](const storage::Result<int>&) {});
  }
}

}  // namespace lemma::app
