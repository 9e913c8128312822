#include "app/transfer.h"

#include <QCoreApplication>
#include <cstdio>

#include "app/adapters/translate.h"
#include "lemma/version.h"
#include "storage/export/file.h"
#include "storage/export/markdown.h"
#include "storage/export/transfer.h"
#include "storage/instance_lock.h"

namespace lemma::app {
namespace {

QString inWords(const char* text) { return QCoreApplication::translate("main", text); }

int complain(const QString& sentence, int code) {
  std::fprintf(stderr, "%s\n", qUtf8Printable(sentence));
  return code;
}

int complain(const storage::Error& error) {
  using storage::Err;
  const bool ofTheFile = error.code == Err::notFound || error.code == Err::badValue || error.code == Err::tooLarge ||
                         error.code == Err::newerSchema;
  return complain(toQt(error.what), ofTheFile ? 2 : 1);
}

int announce(const QString& sentence) {
  std::printf("%s\n", qUtf8Printable(sentence));
  return 0;
}

storage::MarkdownWords translatedWords() {
  storage::MarkdownWords w;
  w.untitled = inWords(QT_TRANSLATE_NOOP("main", "Conversation")).toStdString();
  w.question = inWords(QT_TRANSLATE_NOOP("main", "Question")).toStdString();
  w.answer = inWords(QT_TRANSLATE_NOOP("main", "Answer")).toStdString();
  w.system = inWords(QT_TRANSLATE_NOOP("main", "System prompt")).toStdString();
  w.tool = inWords(QT_TRANSLATE_NOOP("main", "Tool")).toStdString();
  w.thought = inWords(QT_TRANSLATE_NOOP("main", "Thought")).toStdString();
  w.error = inWords(QT_TRANSLATE_NOOP("main", "Error")).toStdString();
  w.attachment = inWords(QT_TRANSLATE_NOOP("main", "Attachment")).toStdString();
  w.stopped = inWords(QT_TRANSLATE_NOOP("main", "Stopped here.")).toStdString();
  w.interrupted = inWords(QT_TRANSLATE_NOOP("main", "Interrupted here.")).toStdString();
  return w;
}

}  // namespace

storage::Result<void> exportToFile(storage::Store& store, const std::vector<storage::ConversationId>& ids,
                                   const std::string& path, FileFormat format) {
  if (format == FileFormat::json) {
    STORE_TRY(file, exportConversations(store, ids, {"Lemma " + std::string(kVersionText), storage::utcNow()}));
    return storage::writeWholeFile(path, file);
  }
  STORE_TRY(thread, store.load(ids.front()));
  return storage::writeWholeFile(path, toMarkdown(thread, {format == FileFormat::markdown, translatedWords()}));
}

storage::Result<std::vector<storage::ConversationTree>> readTransferFile(const std::string& path) {
  STORE_TRY(bytes, storage::readWholeFile(path, storage::kMostFileBytes));
  return storage::conversationsFromFile(bytes);
}

QString toSentence(const storage::ImportReport& report) {
  return inWords(QT_TRANSLATE_NOOP("main", "Imported: %1. Already here: %2. As copies: %3."))
      .arg(report.imported)
      .arg(report.skipped)
      .arg(report.renamed);
}

int runTransfer(const Paths& paths, const Transfer& transfer) {
  std::vector<storage::ConversationId> ids;
  if (!transfer.conversation.isEmpty()) {
    const auto id = storage::ConversationId::parse(transfer.conversation.toStdString());
    if (!id)
      return complain(inWords(QT_TRANSLATE_NOOP("main", "--conversation wants a conversation's id, a UUID.")), 2);
    ids.push_back(*id);
  }
  if (transfer.exportTo.isEmpty() == transfer.importFrom.isEmpty())
    return complain(inWords(QT_TRANSLATE_NOOP("main", "Give either --export or --import, with a file.")), 2);
  const bool asMarkdown = transfer.exportTo.endsWith(QLatin1String(".md"));
  if (asMarkdown && ids.empty())
    return complain(
        inWords(QT_TRANSLATE_NOOP("main", "A Markdown file holds one conversation: say which by --conversation.")), 2);
  auto lock = storage::InstanceLock::acquire(paths.lock(), {});
  if (!lock) return complain(lock.error());
  if (!*lock) return complain(inWords(QT_TRANSLATE_NOOP("main", "Lemma is running. Close it, then try again.")), 1);
  auto store = storage::Store::open(paths.database());
  if (!store) return complain(store.error());

  if (!transfer.exportTo.isEmpty()) {
    const FileFormat markdown = transfer.thoughts ? FileFormat::markdown : FileFormat::markdownWithoutThoughts;
    const auto written =
        exportToFile(*store, ids, transfer.exportTo.toStdString(), asMarkdown ? markdown : FileFormat::json);
    if (!written) return complain(written.error());
    return announce(inWords(QT_TRANSLATE_NOOP("main", "Exported to %1.")).arg(transfer.exportTo));
  }
  const auto trees = readTransferFile(transfer.importFrom.toStdString());
  if (!trees) return complain(trees.error());
  const auto report = store->importTrees(*trees);
  if (!report) return complain(report.error());
  return announce(toSentence(*report));
}

}  // namespace lemma::app
