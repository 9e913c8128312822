#include "app/adapters/history_adapter.h"

#include "app/adapters/translate.h"
#include "app/transfer.h"

namespace lemma::app {

using storage::ConversationId;
using storage::Store;

namespace {

std::optional<ConversationId> conversationOf(const QString& id) { return ConversationId::parse(id.toStdString()); }

FileFormat toApp(ui::ExportFormat format) {
  switch (format) {
    case ui::ExportFormat::Lemma:
      return FileFormat::json;
    case ui::ExportFormat::Markdown:
      return FileFormat::markdown;
    case ui::ExportFormat::MarkdownWithoutThoughts:
      return FileFormat::markdownWithoutThoughts;
  }
  return FileFormat::json;
}

}  // namespace

HistoryAdapter::HistoryAdapter(storage::StorageThread& store, ChatAdapter& chat, QObject* parent)
    : ui::HistoryPort(parent), store_(store), chat_(chat) {
  reading_.setMaxThreadCount(1);
}

void HistoryAdapter::list() {
  store_.call([](Store& s) { return s.conversations(); },
              [this](storage::Result<std::vector<storage::Conversation>> found) {
                if (!found) {
                  emit failed(QString(), toQt(found.error().what));
                  return;
                }
                QList<ui::Conversation> out;
                for (const storage::Conversation& c : *found) out.push_back(toUi(c));
                emit listed(out);
              });
}

void HistoryAdapter::tell(const storage::Thread& thread) {
  QList<ui::Message> messages = toUi(thread.messages);
  for (ui::Message& m : messages) {
    if (auto now = chat_.running(m.id)) m = *now;
  }
  emit loaded(toQt(thread.conversation.id), messages);
}

void HistoryAdapter::load(const QString& conversationId) {
  const auto id = conversationOf(conversationId);
  if (!id) return;
  store_.call([id = *id](Store& s) { return s.load(id); },
              [this, conversationId](storage::Result<storage::Thread> thread) {
                if (thread) {
                  tell(*thread);
                } else {
                  emit failed(conversationId, toQt(thread.error().what));
                }
              });
}

void HistoryAdapter::rename(const QString& conversationId, const QString& title) {
  const auto id = conversationOf(conversationId);
  if (!id) return;
  store_.call(
      [id = *id, title = title.toStdString()](Store& s) -> storage::Result<storage::Thread> {
        STORE_CHECK(s.rename(id, title, true));
        return s.load(id);
      },
      [this, conversationId](storage::Result<storage::Thread> thread) {
        if (thread) {
          emit conversationChanged(toUi(thread->conversation));
        } else {
          emit failed(conversationId, toQt(thread.error().what));
        }
      });
}

void HistoryAdapter::remove(const QString& conversationId) {
  const auto id = conversationOf(conversationId);
  if (!id) return;
  chat_.stopAllIn(conversationId);
  store_.call([id = *id](Store& s) { return s.remove(id); },
              [this, conversationId](storage::Result<void> done) {
                if (done) {
                  chat_.forget(conversationId);
                  emit conversationRemoved(conversationId);
                } else {
                  emit failed(conversationId, toQt(done.error().what));
                }
              });
}

void HistoryAdapter::restore(const QString& conversationId) {
  const auto id = conversationOf(conversationId);
  if (!id) return;
  store_.call(
      [id = *id](Store& s) -> storage::Result<storage::Thread> {
        STORE_CHECK(s.restore(id));
        return s.load(id);
      },
      [this, conversationId](storage::Result<storage::Thread> thread) {
        if (thread) {
          emit conversationChanged(toUi(thread->conversation));
        } else {
          emit failed(conversationId, toQt(thread.error().what));
        }
      });
}

void HistoryAdapter::showVersion(const QString& conversationId, const QString& answerId, int step) {
  const auto id = conversationOf(conversationId);
  const auto answer = storage::MessageId::parse(answerId.toStdString());
  if (!id || !answer) return;
  store_.call(
      [id = *id, answer = *answer, step](Store& s) -> storage::Result<storage::Thread> {
        STORE_TRY(thread, s.load(id));
        for (const storage::Message& m : thread.messages) {
          if (m.id != answer) continue;
          for (size_t i = 0; i < m.siblings.size(); ++i) {
            const ptrdiff_t wanted = ptrdiff_t(i) + step;
            if (m.siblings[i] == answer && wanted >= 0 && wanted < ptrdiff_t(m.siblings.size())) {
              return s.showBranch(m.siblings[size_t(wanted)]);
            }
          }
        }
        return thread;
      },
      [this, conversationId](storage::Result<storage::Thread> thread) {
        if (thread) {
          tell(*thread);
        } else {
          emit failed(conversationId, toQt(thread.error().what));
        }
      });
}

// On the storage thread from store to disk; the failure of a file is no matter of the thread that is shown.
void HistoryAdapter::exportTo(const QString& conversationId, const QUrl& file, ui::ExportFormat format) {
  const auto id = conversationOf(conversationId);
  if (!id) return;
  const QString path = file.toLocalFile();
  store_.call(
      [id = *id, path = path.toStdString(), how = toApp(format)](Store& s) { return exportToFile(s, {id}, path, how); },
      [this, path](storage::Result<void> done) {
        if (done) {
          emit exported(path);
        } else {
          emit failed(QString(), toQt(done.error().what));
        }
      });
}

// Drafts of a streaming answer do not wait for the reading. It is back on this thread before it is brought in: the
// storage thread may be gone when the reading ends.
void HistoryAdapter::importFrom(const QUrl& file) {
  reading_.start([this, path = file.toLocalFile().toStdString()] {
    auto trees = std::make_shared<storage::Result<std::vector<storage::ConversationTree>>>(readTransferFile(path));
    QMetaObject::invokeMethod(
        this,
        [this, trees] {
          if (*trees) {
            bringIn(std::move(**trees));
          } else {
            emit failed(QString(), toQt(trees->error().what));
          }
        },
        Qt::QueuedConnection);
  });
}

void HistoryAdapter::bringIn(std::vector<storage::ConversationTree> trees) {
  store_.call([trees = std::move(trees)](Store& s) { return s.importTrees(trees); },
              [this](storage::Result<storage::ImportReport> report) {
                if (!report) {
                  emit failed(QString(), toQt(report.error().what));
                  return;
                }
                emit imported(report->imported, report->skipped, report->renamed);
                list();
              });
}

}  // namespace lemma::app
