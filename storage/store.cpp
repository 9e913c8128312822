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

Result<void> beginWriting(Db& db) {
  STORE_TRY(mode, db.text("PRAGMA journal_mode=WAL"));
  if (mode != "wal")
    return fail(Err::io, "The database " + db.path() + " cannot keep a write-ahead log on this file system.");
  return db.exec("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA journal_size_limit=67108864");
}

}  // namespace

Result<Store> Store::open(const std::string& path, const StoreOptions& options) {
  const int newest = options.migrations.empty() ? 0 : options.migrations.back().version;
  STORE_TRY(place, lookAt(path));
  OpenReport report;

  // A rollback journal means that the file was cut off in mid-write and must be rolled back before it can be read.
  if (place.bytes > 0 && place.journalBytes == 0) {
    STORE_TRY(db, openUntouched(path, place, options.vfs));
    STORE_TRY(schema, identify(db, newest));
    if (place.bytes <= kCheckAtOpen) STORE_CHECK(quickCheck(db));
    if (!place.writable) {
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
  STORE_TRY(interrupted, store.interruptStreaming());
  if (!options.ownCheckpoints) store.db_.leaveCheckpoints();
  report.interrupted = interrupted;
  store.report_ = std::move(report);
  return store;
}

Result<void> Store::check() { return quickCheck(db_); }

}  // namespace lemma::storage
