// What the window asks of the store of conversations: the list, one thread, rename, delete, undo.
// Owner: app implements it over storage; ui/scripted in memory. The sidebar and the chat page call it.
// UI thread only, calls and signals alike. No call blocks: answers come as signals.
#pragma once

#include <QObject>
#include <QUrl>

#include "ui/ports/chat_values.h"

namespace lemma::ui {

// As which file a conversation is written.
enum class ExportFormat { Lemma, Markdown, MarkdownWithoutThoughts };

class HistoryPort : public QObject {
  Q_OBJECT

 public:
  using QObject::QObject;

  // Asks for listed(). Called once, when the window starts.
  virtual void list() = 0;

  // Asks for loaded(): the shown path of the conversation.
  virtual void load(const QString& conversationId) = 0;

  // Followed by conversationChanged().
  virtual void rename(const QString& conversationId, const QString& title) = 0;

  // Into the bin; followed by conversationRemoved(). A running answer in it is stopped first.
  virtual void remove(const QString& conversationId) = 0;

  // Out of the bin again, with everything it had; followed by conversationChanged().
  virtual void restore(const QString& conversationId) = 0;

  // Shows the previous (-1) or next (+1) sibling of that answer, with what is below it; loaded() follows.
  // Past either end nothing happens.
  virtual void showVersion(const QString& conversationId, const QString& answerId, int step) = 0;

  // Writes one conversation into a file, whole or not at all; exported() follows.
  virtual void exportTo(const QString& conversationId, const QUrl& file, ExportFormat format) = 0;

  // Brings in the conversations of a file of the format Lemma, all or none; imported() and listed() follow.
  virtual void importFrom(const QUrl& file) = 0;

 signals:
  // Every conversation that is not in the bin, newest first.
  void listed(const QList<lemma::ui::Conversation>& conversations);

  // A conversation that is new, or whose title or time changed. Touching one moves it to the top.
  void conversationChanged(const lemma::ui::Conversation& conversation);

  void conversationRemoved(const QString& conversationId);

  // The shown path from the first question to the current leaf. Also sent unasked when the path changes
  // (regenerate, showVersion). An answer that is streaming right now comes with exactly the parts that appended()
  // has announced so far, no more and no less, so that what follows fits on.
  void loaded(const QString& conversationId, const QList<lemma::ui::Message>& messages);

  // The store was damaged. A new one holds what could be read, so many conversations, and the damaged file was kept
  // there. listed() follows.
  void salvaged(int conversations, const QString& keptFile);

  void exported(const QString& file);               // its path, for people
  void imported(int fresh, int known, int copies);  // new here; here already; beside another one of the same id

  // Something of the above could not be done. One sentence: what happened, and what to do next.
  // conversationId may be empty (the list).
  void failed(const QString& conversationId, const QString& sentence);
};

}  // namespace lemma::ui
