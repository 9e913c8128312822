// The model as the window shows it: name, state, how far it is loaded, which others are known.
// Owner: WindowVm. UI thread. Holds no state of its own but the words; the port does.
#pragma once

#include <QtQml/qqmlregistration.h>

#include <QObject>
#include <QUrl>
#include <QVariant>

#include "ui/ports/model_port.h"

namespace lemma::ui {

class ModelVm : public QObject {
  Q_OBJECT
  QML_ELEMENT
  QML_UNCREATABLE("made by the window's view-model")
  Q_PROPERTY(QString state READ state NOTIFY changed)  // "empty", "loading", "ready", "missing", ...
  Q_PROPERTY(QString name READ name NOTIFY changed)
  Q_PROPERTY(QString description READ description NOTIFY changed)  // what hovering the name tells
  Q_PROPERTY(QString problem READ problem NOTIFY changed)
  Q_PROPERTY(QString problemDetails READ problemDetails NOTIFY changed)
  Q_PROPERTY(QVariantList known READ known NOTIFY changed)  // {id, name, description, current}
  Q_PROPERTY(QString privacy READ privacy NOTIFY changed)
  Q_PROPERTY(bool local READ local NOTIFY changed)
  Q_PROPERTY(QString loadText READ loadText NOTIFY progressed)
  Q_PROPERTY(qreal loadFraction READ loadFraction NOTIFY progressed)  // below 0: not known

 public:
  explicit ModelVm(ModelPort& port, QObject* parent = nullptr);

  QString state() const;
  QString name() const;
  QString description() const;
  QString problem() const { return port_.problem(); }
  QString problemDetails() const { return port_.problemDetails(); }
  QVariantList known() const;
  QString privacy() const;
  bool local() const { return port_.current().host.isEmpty(); }
  QString loadText() const;
  qreal loadFraction() const;
  bool ready() const { return port_.state() == ModelPort::State::Ready; }
  int contextSize() const { return port_.current().contextSize; }

  Q_INVOKABLE void open(const QUrl& file) { port_.open(file); }
  Q_INVOKABLE void use(const QString& modelId) { port_.use(modelId); }
  Q_INVOKABLE void retry() { port_.retry(); }
  Q_INVOKABLE void cancelLoading() { port_.cancelLoading(); }

 signals:
  void changed();
  void progressed();

 private:
  ModelPort& port_;
};

}  // namespace lemma::ui
