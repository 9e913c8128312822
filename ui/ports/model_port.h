// What the window asks about the model: which one, is it loaded, how far, and open another file.
// Owner: app implements it over the engine's worker; ui/scripted by a script. The composer and the thread call it.
// UI thread only, calls and signals alike. No call blocks. While a new model loads, the old one stays in use.
#pragma once

#include <QObject>
#include <QUrl>

namespace lemma::ui {

struct ModelCard {
  QString id;            // content identity, the same for the same file anywhere
  QString name;          // as people call it: "SmolLM2 135M Instruct"
  QString quantisation;  // "Q4_1"; may be empty
  QString path;          // where the file lies
  qint64 fileBytes = 0;
  qint64 memoryBytes = 0;  // that it takes beside its file; 0 while it is not loaded
  int contextSize = 0;     // tokens
  QString host;            // empty: it runs on this machine; else the host that is asked
  bool operator==(const ModelCard&) const = default;
};

class ModelPort : public QObject {
  Q_OBJECT

 public:
  // Empty: no model is known yet. Missing: the file is not where it was; the window offers to find it.
  // Held: the program ended while it loaded this model the last time, so it waits to be told to.
  enum class State { Empty, Loading, Ready, Missing, Failed, Held };
  Q_ENUM(State)

  using QObject::QObject;

  virtual State state() const = 0;

  // The model in use; while one loads or has failed: that one, with at least name and path.
  virtual ModelCard current() const = 0;

  // While loading. total 0 = not known yet.
  virtual qint64 bytesDone() const = 0;
  virtual qint64 bytesTotal() const = 0;

  // Missing, Failed and Held: one sentence, what happened to which file and what to do next; and what a person who
  // asks for details gets (may be empty). Ready: what is not as it should be with the model in use, mostly empty.
  virtual QString problem() const = 0;
  virtual QString problemDetails() const = 0;

  // Models opened before, most recent first, the current one among them.
  virtual QList<ModelCard> known() const = 0;

  // Loads that file and makes it the current model. From Missing it also says where the model now lies.
  virtual void open(const QUrl& file) = 0;

  // Loads one of known().
  virtual void use(const QString& modelId) = 0;

  // Loads the current one again, after Failed, or after all, after Held.
  virtual void retry() = 0;

  // Ends a loading; the model that was in use before stays, else the state is Empty.
  virtual void cancelLoading() = 0;

 signals:
  // Any of state(), current(), problem() or known() is different now.
  void changed();

  // bytesDone(), bytesTotal(); at most 30 times a second.
  void progressed();
};

}  // namespace lemma::ui
