// Everything that a key or a button can do in the window, in one list: id, text, shortcut, enabled, handler.
// Owner: WindowVm fills it once; QML binds shortcuts to it and shows it as the list of keys. UI thread.
#pragma once

#include <QtQml/qqmlregistration.h>

#include <QAbstractListModel>
#include <functional>

namespace lemma::ui {

struct ActionSpec {
  QString id;        // "answer.stop"
  QString text;      // for people, through tr()
  QString shortcut;  // portable text, "Ctrl+N"; empty: a button only
  std::function<bool()> enabled;
  std::function<void()> run;
};

class ActionRegistry : public QAbstractListModel {
  Q_OBJECT
  QML_ELEMENT
  QML_UNCREATABLE("made by the window's view-model")

 public:
  enum Role { IdRole = Qt::UserRole, TextRole, ShortcutRole, KeysRole, EnabledRole };

  using QAbstractListModel::QAbstractListModel;

  void add(ActionSpec spec);

  // Something that enabled() looks at has changed.
  void refresh();

  // Does nothing when the action is not enabled, or there is none of that id.
  Q_INVOKABLE void run(const QString& id);
  Q_INVOKABLE QString keysOf(const QString& id) const;  // as the system writes them

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QHash<int, QByteArray> roleNames() const override;

 private:
  QList<ActionSpec> actions_;
};

}  // namespace lemma::ui
