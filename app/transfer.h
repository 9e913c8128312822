// Conversations out of the store into a file and back: for the window, and for the command line, which has no window:
// lemma --export FILE, lemma --import FILE. What takes a Store runs on the thread that owns it.
#pragma once

#include <QString>
#include <vector>

#include "app/core/paths.h"
#include "storage/store.h"

namespace lemma::app {

enum class FileFormat { json, markdown, markdownWithoutThoughts };

// Written whole or not at all. json: those named, or all that are not in the bin; Markdown: the one named.
storage::Result<void> exportToFile(storage::Store& store, const std::vector<storage::ConversationId>& ids,
                                   const std::string& path, FileFormat format);

// Reads and checks a file in Lemma's own JSON, for Store::importTrees(). Any thread: a large file takes a second, which
// the storage thread has not.
storage::Result<std::vector<storage::ConversationTree>> readTransferFile(const std::string& path);

// "Imported: 2. Already here: 1. As copies: 0."
QString toSentence(const storage::ImportReport& report);

// What the command line asks for.
struct Transfer {
  QString exportTo;      // a name that ends in .md: Markdown, of one conversation; any other: Lemma's own JSON
  QString importFrom;    // one of both is given
  QString conversation;  // of an export: its id; empty: all that are not in the bin
  bool thoughts = true;  // of Markdown
};

// Holds the lock of the data folder while it works, so no window runs beside it. Says what was done on stdout, or in
// one sentence on stderr why not. The exit code: 0, 1 the work failed, 2 wrong options or a file that is missing,
// foreign or broken.
int runTransfer(const Paths& paths, const Transfer& transfer);

}  // namespace lemma::app
