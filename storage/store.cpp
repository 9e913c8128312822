#include "storage/store.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

namespace lemma::storage {
namespace {

namespace fs = std::filesystem;

// Reading 64 MiB takes a fraction of a second; larger files are checked when the program is idle, by check().
constexpr uintmax_t kCheckAtOpen = 64u << 20;

// 0 for a file that is empty or not there.
uintmax_t sizeOf(const std::string& path) {
  std::error_code none;
  const auto size = fs::file_size(path, none);
  return none ? 0 : size;
}

bool mayUse(const std::string& path, int how) { return ::faccessat(AT_FDCWD, path.c_str(), how, AT_EACCESS) == 0; }

struct Place {
  std::string folder;
  uintmax_t bytes = 0, walBytes = 0, journalBytes = 0;
  bool writable = false;
};

Result<Place> lookAt(const std::string& path) {
  Place place;
  const fs::path parent = fs::path(path).parent_path();
  place.folder = parent.empty() ? std::string(".") : parent.string();
  std::error_code none;
  if (!fs::is_directory(place.folder, none))
    return fail(Err::notFound, "The data folder " + place.folder + " does not exist or cannot be reached.");
  const bool exists = fs::exists(path, none);
  if (exists && !fs::is_regular_file(path, none)) return fail(Err::notOurs, path + " is not a file.");
  place.bytes = sizeOf(path);
  place.walBytes = sizeOf(path + "-wal");
  place.journalBytes = sizeOf(path + "-journal");
  place.writable = mayUse(place.folder, W_OK | X_OK) && (!exists || mayUse(path, R_OK | W_OK));
  if (place.bytes == 0 && place.walBytes > 0)
    return fail(Err::damaged, "The database " + path + " is missing or empty although " + path +
                                  "-wal holds changes to it; nothing was created in its place.");
  // SQLite takes a file shorter than its smallest page for an empty one and would write over it.
  if (place.bytes > 0 && place.bytes < 512 && place.journalBytes == 0)
    return fail(Err::damaged, "The database " + path + " is damaged (only " + std::to_string(place.bytes) +
                                  " bytes are left of it); it was left as it is.");
  if (place.bytes == 0 && !place.writable)
    return fail(Err::readOnly,
                "The data folder " + place.folder + " may not be written, so no database can be made in it.");
  return place;
}

// Opens what is there so that nothing on the disk changes: the -wal is only read, never moved into the database.
Result<Db> openUntouched(const std::string& path, const Place& place, const std::string& vfs) {
  STORE_TRY(db, Db::open(path, place.walBytes > 0 ? OpenMode::readOnly : OpenMode::immutable, vfs));
  sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return db;
}

// SQLite plays whatever log lies beside a database into it. A store never shrinks, so a log that ends with fewer pages
// than the file has belongs to another one.
Result<bool> logIsForeign(const std::string& path, const std::string& vfs) {
  if (sizeOf(path) == 0 || sizeOf(path + "-wal") == 0 || sizeOf(path + "-journal") > 0) return false;
  const auto shrinks = [&]() -> Result<bool> {
    STORE_TRY(db, Db::open(path, OpenMode::readOnly, vfs));
    sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    STORE_TRY(pages, db.integer("PRAGMA page_count"));
    STORE_TRY(bytes, db.integer("PRAGMA page_size"));
    return static_cast<uintmax_t>(pages) < sizeOf(path) / static_cast<uintmax_t>(bytes);
  };
  auto found = shrinks();
  // What else is wrong the next look says, which has more to say about it.
  if (!found && found.error().code != Err::outOfMemory) return false;
  return found;
}

Result<void> beginWriting(Db& db) {
  STORE_TRY(mode, db.text("PRAGMA journal_mode=WAL"));
  if (mode != "wal")
    return fail(Err::io, "The database " + db.path() + " cannot keep a write-ahead log on this file system.");
  return db.exec("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA journal_size_limit=67108864");
}

}  // namespace

Result<Store> Store::open(const std::string& path, const StoreOptions& options) {
  STORE_CHECK(finishSalvage(path));
  auto store = openSound(path, options);
  if (store || store.error().code != Err::damaged || !options.salvage) return store;
  STORE_TRY(foreign, logIsForeign(path, options.vfs));
  auto saved = lemma::storage::salvage(path, options.clock, options.vfs, !foreign);
  if (!saved) return fail(saved.error().code, store.error().what + " It could not be repaired: " + saved.error().what);
  STORE_TRY(fresh, openSound(path, options));
  fresh.report_.created = false;
  fresh.report_.salvaged = std::move(*saved);
  return fresh;
}

Result<Store> Store::openSound(const std::string& path, const StoreOptions& options) {
  const int newest = options.migrations.empty() ? 0 : options.migrations.back().version;
  STORE_TRY(place, lookAt(path));
  const bool checked = place.bytes > 0 && (place.bytes <= kCheckAtOpen || options.checkWhole);
  OpenReport report;
  STORE_TRY(foreign, logIsForeign(path, options.vfs));
  if (foreign)
    return fail(Err::damaged, "The database " + path +
                                  " is damaged (the -wal beside it belongs to another one); it was left as it is.");

  // A rollback journal means that the file was cut off in mid-write and must be rolled back before it can be read.
  if (place.bytes > 0 && place.journalBytes == 0) {
    STORE_TRY(db, openUntouched(path, place, options.vfs));
    STORE_TRY(schema, identify(db, newest));
    if (!schema.isNew) STORE_CHECK(checkShape(db, schema.version, options.migrations));
    if (!place.writable) {
      if (checked) STORE_CHECK(integrityCheck(db));
      if (schema.isNew || schema.version < newest)
        return fail(Err::readOnly,
                    "The database " + path + " is of an older Lemma and must be converted, but it may not be written.");
      report.readOnly = true;
      report.notice = "The conversations can be read but not changed: " + path + " or its folder may not be written.";
      report.schema = schema.version;
      Store store(std::move(db), options.clock);
      store.report_ = std::move(report);
      return store;
    }
  }
  if (!place.writable)
    return fail(Err::readOnly, "The database " + path + " needs repair after a crash, but it may not be written.");

  STORE_TRY(db, Db::open(path, place.bytes > 0 ? OpenMode::readWrite : OpenMode::create, options.vfs));
  if (checked) {
    // Nothing was written yet, and closing a damaged one must not move a log into it either.
    const bool hasLog = place.walBytes > 0;
    if (hasLog) sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    STORE_CHECK(integrityCheck(db));
    if (hasLog) sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  }
  STORE_TRY(schema, identify(db, newest));
  STORE_CHECK(beginWriting(db));
  report.created = schema.isNew;
  report.schema = schema.version;
  if (schema.version < newest) {
    if (!schema.isNew) {
      report.backup = path + ".schema-" + std::to_string(schema.version) + ".bak";
      STORE_CHECK(verifiedCopy(db, report.backup));
    }
    STORE_CHECK(migrate(db, schema.version, options.migrations, options.clock));
    // Into the main file at once: somebody who cleans away a -wal must not take the schema with it.
    STORE_CHECK(db.exec("PRAGMA wal_checkpoint(TRUNCATE)"));
    report.schema = newest;
  }
  Store store(std::move(db), options.clock);
  if (!options.keepStreaming) {
    STORE_TRY(interrupted, store.interruptStreaming());
    report.interrupted = interrupted;
  }
  if (!options.ownCheckpoints) store.db_.leaveCheckpoints();
  store.report_ = std::move(report);
  return store;
}

Result<void> Store::check() { return integrityCheck(db_); }

}  // namespace lemma::storage
