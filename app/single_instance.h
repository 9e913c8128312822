// One Lemma for each data folder: a second start raises the first window and ends.
// Owner: main(). UI thread. The lock is the kernel's and ends with the process, however it ends; the socket only rings.
#pragma once

#include <QLocalServer>
#include <QObject>
#include <optional>

#include "app/core/paths.h"
#include "storage/instance_lock.h"

namespace lemma::app {

class SingleInstance : public QObject {
  Q_OBJECT

 public:
  explicit SingleInstance(const Paths& paths, QObject* parent = nullptr);

  enum class Outcome { first, raisedOther, otherSilent, failed };
  // first: this process is the one, raiseRequested() comes when another start rings.
  Outcome start();
  const QString& problem() const { return problem_; }

 signals:
  void raiseRequested();

 private:
  QString socketPath() const;
  bool ring(const QString& socket);

  const Paths paths_;
  std::optional<storage::InstanceLock> lock_;
  QLocalServer server_;
  QString problem_;
};

}  // namespace lemma::app
