#include "ui/actions/action_registry.h"

#include <QKeySequence>
#include <algorithm>

namespace lemma::ui {
namespace {

QString asSystemWrites(const QString& shortcut) {
  return QKeySequence(shortcut, QKeySequence::PortableText).toString(QKeySequence::NativeText);
}

}  // namespace

void ActionRegistry::add(ActionSpec spec) {
  beginInsertRows({}, int(actions_.size()), int(actions_.size()));
  actions_.push_back(std::move(spec));
  endInsertRows();
}

void ActionRegistry::refresh() {
  if (!actions_.isEmpty()) emit dataChanged(index(0), index(int(actions_.size()) - 1), {EnabledRole});
}

void ActionRegistry::run(const QString& id) {
  const auto found = std::ranges::find(actions_, id, &ActionSpec::id);
  if (found != actions_.end() && found->enabled()) found->run();
}

QString ActionRegistry::keysOf(const QString& id) const {
  const auto found = std::ranges::find(actions_, id, &ActionSpec::id);
  return found == actions_.end() ? QString() : asSystemWrites(found->shortcut);
}

int ActionRegistry::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : int(actions_.size()); }

QVariant ActionRegistry::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const ActionSpec& action = actions_[index.row()];
  switch (role) {
    case IdRole:
      return action.id;
    case TextRole:
      return action.text;
    case ShortcutRole:
      return action.shortcut;
    case KeysRole:
      return asSystemWrites(action.shortcut);
    case EnabledRole:
      return action.enabled();
    default:
      return {};
  }
}

QHash<int, QByteArray> ActionRegistry::roleNames() const {
  return {{IdRole, "actionId"},
          {TextRole, "text"},
          {ShortcutRole, "shortcut"},
          {KeysRole, "keys"},
          {EnabledRole, "available"}};
}

}  // namespace lemma::ui
