#include "storage/schema.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <vector>

#include "storage/flush.h"

namespace lemma::storage {
namespace {

using RowCounts = std::map<std::string, int64_t>;

std::string quoted(const std::string& identifier) {
  std::string out = "\"";
  for (char c : identifier) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

Result<RowCounts> countRows(Db& db) {
  RowCounts counts;
  STORE_TRY(
      tables,
      db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"));
  for (;;) {
    STORE_TRY(row, tables.step());
    if (!row) return counts;
    const std::string table = tables.text(0);
    STORE_TRY(count, db.integer("SELECT count(*) FROM " + quoted(table)));
    counts[table] = count;
  }
}

Result<void> sameRows(const RowCounts& before, const RowCounts& after, const Migration& step) {
  for (const auto& [table, count] : before) {
    const auto now = after.find(table);
    if (now == after.end() || table == "schema_step" || now->second == count) continue;
    return fail(Err::internal, std::string("The migration ") + step.name + " changed the number of rows of " + table +
                                   " from " + std::to_string(count) + " to " + std::to_string(now->second) +
                                   "; it was undone.");
  }
  return {};
}

Result<void> foreignKeysHold(Db& db, const Migration& step) {
  STORE_TRY(check, db.prepare("PRAGMA foreign_key_check"));
  STORE_TRY(row, check.step());
  if (!row) return {};
  return fail(Err::internal, std::string("The migration ") + step.name + " left a row of " + check.text(0) +
                                 " without the row of " + check.text(2) + " it belongs to; it was undone.");
}

Result<void> runStep(Db& db, const Migration& step, const Clock& clock) {
  STORE_TRY(transaction, Transaction::begin(db));
  STORE_TRY(before, countRows(db));
  STORE_CHECK(db.exec(step.sql));
  STORE_CHECK(db.run("INSERT INTO schema_step(version, compat, applied_at) VALUES(?, ?, ?)", step.version, step.compat,
                     clock()));
  STORE_CHECK(db.exec("PRAGMA application_id=" + std::to_string(kApplicationId) +
                      "; PRAGMA user_version=" + std::to_string(step.version)));
  STORE_TRY(after, countRows(db));
  STORE_CHECK(sameRows(before, after, step));
  STORE_CHECK(foreignKeysHold(db, step));
  return transaction.commit();
}

Result<void> copyAndCheck(Db& db, const std::string& temporary) {
  STORE_CHECK(db.run("VACUUM INTO ?", temporary));
  STORE_CHECK(flushFile(temporary));
  STORE_TRY(copy, Db::open(temporary, OpenMode::immutable, db.vfs()));
  return integrityCheck(copy);
}

Result<std::string> schemaText(Db& db) {
  return db.text(
      "SELECT group_concat(type || name || tbl_name || coalesce(sql, ''), char(10)) FROM (SELECT * FROM sqlite_schema"
      " ORDER BY type, name)");
}

Result<std::string> schemaMadeBy(std::span<const Migration> steps) {
  STORE_TRY(model, Db::open(":memory:", OpenMode::create));
  STORE_CHECK(migrate(model, 0, steps, [] { return Millis{0}; }));
  return schemaText(model);
}

tl::unexpected<Error> damaged(Db& db, const std::string& finding) {
  db.setDamage("The database " + db.path() + " is damaged (" + finding + "); it was left as it is.");
  return fail(Err::damaged, db.damage());
}

// Reads the database's file and its -wal once through SQLite's own file layer.
bool bytesAreReadable(sqlite3* handle) {
  std::vector<char> buffer(1 << 16);
  for (const int which : {SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER}) {
    sqlite3_file* file = nullptr;
    sqlite3_file_control(handle, "main", which, &file);
    if (!file || !file->pMethods) continue;
    sqlite3_int64 size = 0;
    if (file->pMethods->xFileSize(file, &size) != SQLITE_OK) return false;
    for (sqlite3_int64 at = 0; at < size; at += static_cast<sqlite3_int64>(buffer.size())) {
      const int rc = file->pMethods->xRead(file, buffer.data(), static_cast<int>(buffer.size()), at);
      if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ) return false;
    }
  }
  return true;
}

}  // namespace

Result<void> integrityCheck(Db& db) {
  std::string finding;
  // The check also reports a page that the disk did not give among its findings. That is not damage: before anything is
  // called damaged every byte must be readable, and the second look must find something too.
  for (int look = 0; look < 2; ++look) {
    auto found = db.text("PRAGMA integrity_check(1)");
    if (!found) return tl::unexpected(std::move(found).error());
    if (*found == "ok") return {};
    finding = std::move(*found);
    if (!bytesAreReadable(db.handle()))
      return fail(Err::io, "The disk reported an error while " + db.path() + " was checked.");
  }
  std::replace(finding.begin(), finding.end(), '\n', ' ');
  return damaged(db, finding);
}

Result<void> checkShape(Db& db, int version, std::span<const Migration> table) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(db.handle(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  unsigned char header[100];
  const int rc = file && file->pMethods ? file->pMethods->xRead(file, header, sizeof header, 0) : SQLITE_IOERR_READ;
  if (rc != SQLITE_OK)
    return fail(Err::io, "The disk reported an error while " + db.path() + " was read (" + sqlite3_errstr(rc) + ").");
  const auto word = [&header](int at) {
    return unsigned{header[at]} << 24 | unsigned{header[at + 1]} << 16 | unsigned{header[at + 2]} << 8 | header[at + 3];
  };
  // How it may be written and read, reserved bytes, schema format, vacuuming, UTF-8.
  if (header[18] < 1 || header[18] > 2 || header[19] < 1 || header[19] > 2 || header[20] != 0 || word(44) > 4 ||
      word(52) != 0 || word(56) > 1)
    return damaged(db, "its header makes no sense");
  size_t steps = 0;
  while (steps < table.size() && table[steps].version <= version) ++steps;
  if (steps == 0 || table[steps - 1].version != version) return {};
  const auto expected = schemaMadeBy(table.first(steps));
  if (!expected)
    return fail(expected.error().code, "The tables of " + db.path() + " cannot be checked: " + expected.error().what);
  STORE_TRY(found, schemaText(db));
  if (found != *expected) return damaged(db, "its tables are not as they were made");
  return {};
}

Result<SchemaState> identify(Db& db, int newestKnown) {
  STORE_TRY(application, db.integer("PRAGMA application_id"));
  STORE_TRY(version, db.integer("PRAGMA user_version"));
  STORE_TRY(objects, db.integer("SELECT count(*) FROM sqlite_schema"));
  if (objects == 0 && version == 0 && (application == 0 || application == kApplicationId))
    return SchemaState{.isNew = true};
  STORE_TRY(ours, db.integer("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('schema_step',"
                             " 'conversation', 'message')"));
  if (ours < 3) return fail(Err::notOurs, db.path() + " is a database of another program; it was left as it is.");
  STORE_TRY(compat, db.integer("SELECT coalesce(max(compat), 0) FROM schema_step"));
  // Each step leaves its number in a row and in the header; where they disagree one of them is damaged.
  STORE_TRY(reached, db.integer("SELECT coalesce(max(version), 0) FROM schema_step"));
  if (application != kApplicationId || version != reached) return damaged(db, "its header makes no sense");
  if (version > newestKnown && (compat > newestKnown || compat <= 0))
    return fail(Err::newerSchema,
                "The database " + db.path() + " was written by a newer Lemma (schema " + std::to_string(version) +
                    ", this one knows " + std::to_string(newestKnown) +
                    "); it was left as it is. Install that version again, or choose another data folder.");
  return SchemaState{false, static_cast<int>(version), static_cast<int>(compat)};
}

Result<void> migrate(Db& db, int from, std::span<const Migration> table, const Clock& clock) {
  // A step may rebuild a table; with enforcement on, dropping the old one would cascade. foreign_key_check stands in.
  STORE_CHECK(db.exec("PRAGMA foreign_keys=OFF"));
  Result<void> result;
  for (const Migration& step : table) {
    if (step.version <= from) continue;
    result = runStep(db, step, clock);
    if (!result) break;
  }
  STORE_CHECK(db.exec("PRAGMA foreign_keys=ON"));
  return result;
}

Result<void> verifiedCopy(Db& db, const std::string& target) {
  const std::string temporary = target + ".tmp";
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);  // left by a copy that was killed
  auto done = copyAndCheck(db, temporary);
  if (done && ::rename(temporary.c_str(), target.c_str()) != 0)
    done = fail(Err::io, temporary + " could not be renamed to " + target + ": " + std::strerror(errno) + ".");
  if (!done) {
    std::filesystem::remove(temporary, ignored);
    return done;
  }
  return flushFolderOf(target);
}

}  // namespace lemma::storage
