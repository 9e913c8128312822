// The conversations of the sidebar, newest first, each with its section ("Today", "Last 7 days", ...).
// Owner: SidebarVm. UI thread. A conversation that is touched moves; the list is reset only when it is read anew.
#pragma once

#include <QtQml/qqmlregistration.h>

#include <QAbstractListModel>
#include <functional>

#include "ui/ports/chat_values.h"

namespace lemma::ui {

class ConversationListModel : public QAbstractListModel {
  Q_OBJECT
  QML_ELEMENT
  QML_UNCREATABLE("made by the sidebar's view-model")

 public:
  enum Role { IdRole = Qt::UserRole, TitleRole, SectionRole };

  // `now` gives UTC milliseconds; tests fix it.
  explicit ConversationListModel(std::function<qint64()> now, QObject* parent = nullptr);

  void reset(QList<Conversation> conversations);
  void upsert(const Conversation& conversation);
  void remove(const QString& id);
  void refreshSections();  // the day is another one

  int indexOf(const QString& id) const;
  const QList<Conversation>& conversations() const { return rows_; }

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QHash<int, QByteArray> roleNames() const override;

 private:
  QString section(qint64 updatedMs) const;

  std::function<qint64()> now_;
  QList<Conversation> rows_;
};

}  // namespace lemma::ui
