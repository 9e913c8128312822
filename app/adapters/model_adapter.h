// The window's ModelPort over the engine's worker and the store: which model, loading it, finding it again.
// Owner: AppServices. UI thread.
#pragma once

#include <QTimer>
#include <memory>
#include <mutex>
#include <optional>

#include "app/core/engine_worker.h"
#include "app/core/paths.h"
#include "storage/storage_thread.h"
#include "ui/ports/model_port.h"

namespace lemma::app {

class ModelAdapter : public ui::ModelPort {
  Q_OBJECT

 public:
  // `overrides`: settings of this run, above what is stored.
  ModelAdapter(EngineWorker& worker, storage::StorageThread& store, const Paths& paths,
               storage::SettingMap overrides = {}, QObject* parent = nullptr);
  ~ModelAdapter() override;

  // Loads the model that was used last, else the default one, unless the program ended while it did so the last time.
  // Call once, when the window is up.
  void start();

  // A load that goes on is left by the person's will, not by a crash. Before the store ends.
  void shutDown();

  const std::optional<ModelInfo>& loaded() const { return loaded_; }

  std::string parkedFolder() const { return paths_.parked(); }

  State state() const override { return state_; }
  ui::ModelCard current() const override { return card_; }
  qint64 bytesDone() const override { return bytesDone_; }
  qint64 bytesTotal() const override { return bytesTotal_; }
  QString problem() const override { return problem_; }
  QString problemDetails() const override { return problemDetails_; }
  QList<ui::ModelCard> known() const override { return known_; }
  void open(const QUrl& file) override;
  void use(const QString& modelId) override;
  void retry() override;
  void cancelLoading() override;

 private:
  struct Progress;
  void load(const QString& path, const QString& shownName);
  void handOver(quint64 attempt, LoadOptions options);
  void loadEnded(quint64 attempt, const QString& path, const Result<ModelInfo>& result);
  void refreshKnown();
  void missing(const storage::ModelRecord& model);
  void held();
  void unguard();
  void setState(State state);

  EngineWorker& worker_;
  storage::StorageThread& store_;
  const Paths paths_;
  const storage::SettingMap overrides_;
  State state_ = State::Empty;
  ui::ModelCard card_;
  std::optional<ModelInfo> loaded_;
  qint64 bytesDone_ = 0, bytesTotal_ = 0;
  QString problem_, problemDetails_;
  QList<ui::ModelCard> known_;
  std::shared_ptr<Progress> progress_;
  QTimer progressTimer_;
  quint64 attempt_ = 0;    // answers of an older load are not the current one's
  QString guarded_;        // the file of which the store says that it is being loaded by itself
  bool atWorker_ = false;  // the current load: its settings are read and the engine has it
};

}  // namespace lemma::app
