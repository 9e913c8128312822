// The sidebar's state: the conversations, which one is open, which is being renamed, which deletion can be undone.
// Owner: WindowVm. UI thread.
#pragma once

#include <QtQml/qqmlregistration.h>

#include <QObject>
#include <QTimer>

#include "ui/models/conversation_list_model.h"
#include "ui/ports/history_port.h"

namespace lemma::ui {

class SidebarVm : public QObject {
  Q_OBJECT
  QML_ELEMENT
  QML_UNCREATABLE("made by the window's view-model")
  Q_PROPERTY(lemma::ui::ConversationListModel* conversations READ conversations CONSTANT)
  Q_PROPERTY(QString currentId READ currentId NOTIFY currentChanged)
  Q_PROPERTY(int currentRow READ currentRow NOTIFY currentChanged)
  Q_PROPERTY(QString renamingId READ renamingId NOTIFY renamingChanged)
  Q_PROPERTY(QString undoText READ undoText NOTIFY undoChanged)  // empty: nothing to undo
  Q_PROPERTY(QString notice READ notice NOTIFY noticeChanged)    // what export or import have done; empty: nothing
  Q_PROPERTY(QString problem READ problem NOTIFY problemChanged)

 public:
  explicit SidebarVm(HistoryPort& history, QObject* parent = nullptr);

  ConversationListModel* conversations() { return &conversations_; }
  QString currentId() const { return currentId_; }
  int currentRow() const { return conversations_.indexOf(currentId_); }
  QString currentTitle() const;
  QString renamingId() const { return renamingId_; }
  QString undoText() const;
  QString problem() const { return problem_; }
  QString notice() const { return notice_; }

  void start();  // asks for the list
  void setCurrent(const QString& conversationId);

  Q_INVOKABLE void open(const QString& conversationId);
  Q_INVOKABLE void startNew();
  Q_INVOKABLE void startRename(const QString& conversationId);
  Q_INVOKABLE void finishRename(const QString& title);  // blank: as it was
  Q_INVOKABLE void cancelRename();
  Q_INVOKABLE void remove(const QString& conversationId);
  Q_INVOKABLE void undoRemove();
  Q_INVOKABLE void dismissUndo();
  Q_INVOKABLE void dismissNotice();

  // The window asks for the file's name, and comes back with it. `format`: 0 Lemma, 1 Markdown, 2 without thoughts.
  Q_INVOKABLE void startExport(const QString& conversationId);
  Q_INVOKABLE void startImport();
  Q_INVOKABLE QString exportName(const QString& conversationId) const;  // without an ending
  Q_INVOKABLE void exportTo(const QString& conversationId, const QUrl& file, int format);
  Q_INVOKABLE void importFrom(const QUrl& file);

 signals:
  void currentChanged();
  void currentTitleChanged();
  void renamingChanged();
  void undoChanged();
  void problemChanged();
  void noticeChanged();
  void exportRequested(const QString& conversationId);
  void importRequested();
  void opened(const QString& conversationId);  // the person chose it; empty = a new one

 private:
  void connectPort();
  void setNotice(const QString& notice);  // and no problem any more
  void scheduleMidnight();

  HistoryPort& history_;
  ConversationListModel conversations_;
  QString currentId_, renamingId_, problem_, notice_;
  Conversation removed_;  // what undo would bring back
  bool listed_ = false;
  QTimer midnight_;
};

}  // namespace lemma::ui
