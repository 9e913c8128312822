#include "ui/models/conversation_list_model.h"

#include <QDateTime>
#include <algorithm>

#include "ui/models/span_text.h"

namespace lemma::ui {

ConversationListModel::ConversationListModel(std::function<qint64()> now, QObject* parent)
    : QAbstractListModel(parent), now_(std::move(now)) {}

void ConversationListModel::reset(QList<Conversation> conversations) {
  std::ranges::stable_sort(conversations, std::ranges::greater{}, &Conversation::updatedMs);
  beginResetModel();
  rows_ = std::move(conversations);
  endResetModel();
}

void ConversationListModel::upsert(const Conversation& conversation) {
  int at = indexOf(conversation.id);
  // Where it belongs among the others: before the first that is older or as old.
  int target = 0;
  for (const Conversation& row : rows_) {
    if (row.id == conversation.id) continue;
    if (row.updatedMs <= conversation.updatedMs) break;
    ++target;
  }
  if (at < 0) {
    beginInsertRows({}, target, target);
    rows_.insert(target, conversation);
    endInsertRows();
    return;
  }
  if (target != at) {
    beginMoveRows({}, at, at, {}, target > at ? target + 1 : target);
    rows_.move(at, target);
    endMoveRows();
    at = target;
  }
  if (rows_[at] == conversation) return;
  rows_[at] = conversation;
  emit dataChanged(index(at), index(at));
}

void ConversationListModel::remove(const QString& id) {
  const int at = indexOf(id);
  if (at < 0) return;
  beginRemoveRows({}, at, at);
  rows_.removeAt(at);
  endRemoveRows();
}

void ConversationListModel::refreshSections() {
  if (!rows_.isEmpty()) emit dataChanged(index(0), index(int(rows_.size()) - 1), {SectionRole});
}

int ConversationListModel::indexOf(const QString& id) const {
  const auto found = std::ranges::find(rows_, id, &Conversation::id);
  return found == rows_.end() ? -1 : int(found - rows_.begin());
}

QString ConversationListModel::section(qint64 updatedMs) const {
  const QDate today = QDateTime::fromMSecsSinceEpoch(now_()).date();
  const QDate day = QDateTime::fromMSecsSinceEpoch(updatedMs).date();
  const qint64 days = day.daysTo(today);
  if (days <= 0) return tr("Today");
  if (days == 1) return tr("Yesterday");
  if (days <= 7) return tr("Last 7 days");
  if (days <= 30) return tr("Last 30 days");
  return tr("Older");
}

int ConversationListModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : int(rows_.size());
}

QVariant ConversationListModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const Conversation& row = rows_[index.row()];
  switch (role) {
    case IdRole:
      return row.id;
    case TitleRole: {
      const QString title = drawable(row.title).simplified();
      return title.isEmpty() ? tr("New conversation") : title;
    }
    case SectionRole:
      return section(row.updatedMs);
    default:
      return {};
  }
}

QHash<int, QByteArray> ConversationListModel::roleNames() const {
  return {{IdRole, "conversationId"}, {TitleRole, "title"}, {SectionRole, "section"}};
}

}  // namespace lemma::ui
