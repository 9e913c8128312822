// What is left of a damaged database, brought over into a new one in its place. The damaged files are kept.
// Owner: Store::open, on the storage thread; nobody has the database open meanwhile. Every step can be killed: until
// the new database is whole the old one stays where it is, and from then on finishSalvage() ends what was begun.
#pragma once

#include <string>

#include "storage/ids.h"
#include "storage/result.h"

namespace lemma::storage {

struct SalvageReport {
  std::string kept;                         // where the damaged database lies now
  int64_t conversations = 0, messages = 0;  // in the new one
  bool operator==(const SalvageReport&) const = default;
};

// `path` is damaged, or missing beside a -wal. Reads rows page by page, whatever has become of the tree above them;
// rows of deleted pages stay out as far as the list of free pages can be read. What refers to a row that is lost is
// given another place: a message follows the one before it, parts get a message, messages a conversation.
// `withLog`: off where the -wal belongs to another database.
Result<SalvageReport> salvage(const std::string& path, const Clock& clock, const std::string& vfs, bool withLog = true);

// Puts a salvaged database in its place if a salvage was killed just before it did.
Result<void> finishSalvage(const std::string& path);

}  // namespace lemma::storage
