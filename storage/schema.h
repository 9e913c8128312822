// The schema of lemma.db: who may open a file, and the road from any older schema to this one.
// Used by Store on the storage thread; a new database walks the same road as an old one.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "storage/ids.h"
#include "storage/result.h"
#include "storage/sqlite/db.h"

namespace lemma::storage {

inline constexpr int kApplicationId = 0x4C4D4D41;  // "LMMA", in the header of the file

struct Migration {
  int version;       // user_version after it
  int compat;        // builds whose newest version is at least this may still open the file
  const char* name;  // file name
  const char* sql;
};
std::span<const Migration> migrationTable();  // ascending; generated from storage/migrations

struct SchemaState {
  bool isNew = false;  // an empty file
  int version = 0;
  int compat = 0;  // the highest `compat` of all steps the file went through
};

// Reads who the file is. notOurs, newerSchema (beyond `newestKnown` and its compat forbids) and damaged are errors.
Result<SchemaState> identify(Db& db, int newestKnown);

// Runs every step above `from`, each in one transaction that is only kept when no foreign key dangles and no table
// that was there before has gained or lost a row. Stops at the first failure; what was committed stays.
Result<void> migrate(Db& db, int from, std::span<const Migration> table, const Clock& clock);

// A copy that can be trusted: VACUUM INTO a temporary name beside `target`, flushed, opened, checked, and only then
// renamed to `target`. On failure nothing is left.
Result<void> verifiedCopy(Db& db, const std::string& target);

// Reads every page; fails with `damaged` and SQLite's first finding. On a connection that may only read, SQLite leaves
// the tables' CHECKs out.
Result<void> integrityCheck(Db& db);

// Fails with `damaged` where the file's header says what no header of ours does, or where the schema is not the one
// that the steps up to `version` make. A version that no step reaches is not looked at.
Result<void> checkShape(Db& db, int version, std::span<const Migration> table);

}  // namespace lemma::storage
