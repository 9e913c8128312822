#include "ui/pages/sidebar/sidebar_vm.h"

#include <QDateTime>
#include <utility>

#include "ui/models/span_text.h"

namespace lemma::ui {

SidebarVm::SidebarVm(HistoryPort& history, QObject* parent)
    : QObject(parent), history_(history), conversations_(&QDateTime::currentMSecsSinceEpoch) {
  midnight_.setSingleShot(true);
  connect(&midnight_, &QTimer::timeout, this, [this] {
    conversations_.refreshSections();
    scheduleMidnight();
  });
  scheduleMidnight();
  connectPort();
}

void SidebarVm::connectPort() {
  connect(&history_, &HistoryPort::listed, this, [this](const QList<Conversation>& conversations) {
    conversations_.reset(conversations);
    emit currentChanged();
    emit currentTitleChanged();
    // The window opens where it was left: at the conversation that was touched last.
    const bool first = !std::exchange(listed_, true);
    if (first && currentId_.isEmpty() && !conversations.isEmpty()) open(conversations_.conversations().first().id);
  });
  connect(&history_, &HistoryPort::conversationChanged, this, [this](const Conversation& conversation) {
    conversations_.upsert(conversation);
    emit currentChanged();
    if (conversation.id == currentId_) emit currentTitleChanged();
  });
  connect(&history_, &HistoryPort::conversationRemoved, this, [this](const QString& id) {
    const int row = conversations_.indexOf(id);
    conversations_.remove(id);
    if (id == renamingId_) cancelRename();
    if (id == currentId_) {
      const int count = conversations_.rowCount();
      const QString next = row < 0 || count == 0 ? QString() : conversations_.conversations()[qMin(row, count - 1)].id;
      open(next);
    }
    emit currentChanged();
  });
  connect(&history_, &HistoryPort::exported, this,
          [this](const QString& file) { setNotice(tr("Exported to %1").arg(file)); });
  connect(&history_, &HistoryPort::imported, this, [this](int fresh, int known, int copies) {
    setNotice(tr("Imported: %1. Already here: %2. As copies: %3.").arg(fresh).arg(known).arg(copies));
  });
  connect(&history_, &HistoryPort::failed, this, [this](const QString& conversationId, const QString& sentence) {
    if (!conversationId.isEmpty() && conversationId == currentId_) return;  // the thread says it
    dismissNotice();
    problem_ = sentence;
    emit problemChanged();
  });
}

void SidebarVm::start() { history_.list(); }

void SidebarVm::scheduleMidnight() {
  const QDateTime now = QDateTime::currentDateTime();
  midnight_.start(int(now.msecsTo(now.date().addDays(1).startOfDay())) + 1000);
}

QString SidebarVm::currentTitle() const {
  const int row = currentRow();
  return row < 0 ? QString() : conversations_.conversations()[row].title;
}

void SidebarVm::setCurrent(const QString& conversationId) {
  if (conversationId == currentId_) return;
  currentId_ = conversationId;
  emit currentChanged();
  emit currentTitleChanged();
}

void SidebarVm::open(const QString& conversationId) {
  setCurrent(conversationId);
  emit opened(conversationId);
}

void SidebarVm::startNew() { open(QString()); }

void SidebarVm::startRename(const QString& conversationId) {
  if (conversations_.indexOf(conversationId) < 0) return;
  renamingId_ = conversationId;
  emit renamingChanged();
}

void SidebarVm::finishRename(const QString& title) {
  if (renamingId_.isEmpty()) return;
  const QString id = std::exchange(renamingId_, QString());
  const QString clean = title.simplified();
  const int row = conversations_.indexOf(id);
  emit renamingChanged();
  if (!clean.isEmpty() && row >= 0 && clean != conversations_.conversations()[row].title) history_.rename(id, clean);
}

void SidebarVm::cancelRename() {
  if (renamingId_.isEmpty()) return;
  renamingId_.clear();
  emit renamingChanged();
}

void SidebarVm::remove(const QString& conversationId) {
  const int row = conversations_.indexOf(conversationId);
  if (row < 0) return;
  removed_ = conversations_.conversations()[row];
  history_.remove(conversationId);
  emit undoChanged();
}

QString SidebarVm::undoText() const {
  if (removed_.id.isEmpty()) return {};
  const QString title = drawable(removed_.title).simplified();
  return title.isEmpty() ? tr("Conversation deleted") : tr("Deleted: %1").arg(title);
}

void SidebarVm::undoRemove() {
  if (removed_.id.isEmpty()) return;
  const QString id = removed_.id;
  removed_ = {};
  emit undoChanged();
  history_.restore(id);
  open(id);
}

void SidebarVm::dismissUndo() {
  removed_ = {};
  emit undoChanged();
}

void SidebarVm::setNotice(const QString& notice) {
  notice_ = notice;
  problem_.clear();
  emit noticeChanged();
  emit problemChanged();
}

void SidebarVm::dismissNotice() {
  notice_.clear();
  emit noticeChanged();
}

void SidebarVm::startExport(const QString& conversationId) {
  if (conversations_.indexOf(conversationId) >= 0) emit exportRequested(conversationId);
}

void SidebarVm::startImport() { emit importRequested(); }

QString SidebarVm::exportName(const QString& conversationId) const {
  const int row = conversations_.indexOf(conversationId);
  QString name;
  // Letters and digits of any script, one blank between them: a name on every file system.
  if (row >= 0) {
    for (const QChar c : conversations_.conversations()[row].title) name += c.isLetterOrNumber() ? c : QLatin1Char(' ');
  }
  name = name.simplified().left(60).trimmed();
  return name.isEmpty() ? tr("Conversation") : name;
}

void SidebarVm::exportTo(const QString& conversationId, const QUrl& file, int format) {
  static constexpr ExportFormat kFormats[] = {ExportFormat::Lemma, ExportFormat::Markdown,
                                              ExportFormat::MarkdownWithoutThoughts};
  history_.exportTo(conversationId, file, kFormats[qBound(0, format, 2)]);
}

void SidebarVm::importFrom(const QUrl& file) { history_.importFrom(file); }

}  // namespace lemma::ui
