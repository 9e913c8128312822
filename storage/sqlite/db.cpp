#include "storage/sqlite/db.h"

namespace lemma::storage {
namespace {

// The code and sentence for an SQLite result code; `handle` may be null.
Error sentence(sqlite3* handle, int rc, const std::string& path) {
  const std::string detail = handle ? sqlite3_errmsg(handle) : sqlite3_errstr(rc);
  switch (rc & 0xff) {
    case SQLITE_FULL:
      return {Err::diskFull, "The disk that holds " + path + " is full; nothing of this change was saved."};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Err::damaged, "The database " + path + " is damaged (" + detail + "); it was left as it is."};
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return {Err::readOnly, "The database " + path + " may not be written: the file or its folder is read-only."};
    case SQLITE_CANTOPEN:
      return {Err::io, "The database " + path +
                           " cannot be opened: it, its folder or a file beside it is missing or closed to us."};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Err::busy, "The database " + path + " is held by another program."};
    case SQLITE_IOERR:
      if (rc == SQLITE_IOERR_NOMEM)
        return {Err::outOfMemory, "There is not enough memory to use the database " + path + "."};
      if (rc == SQLITE_IOERR_SHMSIZE)  // the log's index, which cannot grow
        return {Err::diskFull,
                "The disk that holds " + path + " is full; the database cannot be used until it has room."};
      return {Err::io,
              "The disk reported an error while " + path + " was read or written (" + sqlite3_errstr(rc) + ")."};
    case SQLITE_NOMEM:
      return {Err::outOfMemory, "There is not enough memory to use the database " + path + "."};
    case SQLITE_TOOBIG:
      return {Err::tooLarge, "A text is too large for one row of the database " + path + "."};
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
      return {Err::badValue, "The database " + path + " refused a change: " + detail + "."};
    default:
      return {Err::internal, "The database " + path + " failed: " + detail + "."};
  }
}

tl::unexpected<Error> failure(sqlite3* handle, int rc, DbInfo& info) {
  Error error = sentence(handle, rc, info.path);
  if (error.code == Err::damaged && info.damage.empty()) info.damage = error.what;
  return tl::unexpected(std::move(error));
}

// A path as the file part of an SQLite URI; only needed for immutable.
std::string uriOf(const std::string& path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out = "file:";
  for (unsigned char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      out += '%';
      out += kHex[c >> 4];
      out += kHex[c & 15];
    } else {
      out += static_cast<char>(c);
    }
  }
  return out;
}

}  // namespace

Result<bool> Statement::step() {
  sqlite3* db = sqlite3_db_handle(handle_.get());
  if (bindRc_ != SQLITE_OK) return failure(nullptr, bindRc_, *info_);
  const int rc = sqlite3_step(handle_.get());
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  auto error = failure(db, rc, *info_);
  sqlite3_reset(handle_.get());
  return error;
}

Result<void> Statement::finish() {
  for (;;) {
    STORE_TRY(row, step());
    if (!row) return {};
  }
}

void Statement::reset() {
  sqlite3_reset(handle_.get());
  sqlite3_clear_bindings(handle_.get());
  bindRc_ = SQLITE_OK;
}

void Statement::bind(int at, std::nullptr_t) { note(sqlite3_bind_null(handle_.get(), at)); }
void Statement::bind(int at, int64_t value) { note(sqlite3_bind_int64(handle_.get(), at, value)); }
void Statement::bind(int at, double value) { note(sqlite3_bind_double(handle_.get(), at, value)); }
void Statement::bind(int at, std::string_view text) {
  // A null pointer would bind NULL, and an empty view may hold one.
  note(sqlite3_bind_text64(handle_.get(), at, text.data() ? text.data() : "", text.size(), SQLITE_TRANSIENT,
                           SQLITE_UTF8));
}
void Statement::bind(int at, BlobView blob) {
  note(sqlite3_bind_blob64(handle_.get(), at, blob.data ? blob.data : "", blob.size, SQLITE_TRANSIENT));
}

bool Statement::isNull(int column) const { return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL; }
int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }
double Statement::real(int column) const { return sqlite3_column_double(handle_.get(), column); }

std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  return data ? std::string(data, static_cast<size_t>(sqlite3_column_bytes(handle_.get(), column))) : std::string();
}

std::optional<int64_t> Statement::integerOr(int column) const {
  if (isNull(column)) return std::nullopt;
  return integer(column);
}

std::optional<Uuid> Statement::uuid(int column) const {
  const auto* data = static_cast<const uint8_t*>(sqlite3_column_blob(handle_.get(), column));
  if (!data) return std::nullopt;
  return Uuid::fromBytes({data, static_cast<size_t>(sqlite3_column_bytes(handle_.get(), column))});
}

Result<Db> Db::open(const std::string& path, OpenMode mode, const std::string& vfs) {
  if (path.empty() || path.find('\0') != std::string::npos) return fail(Err::badValue, "A database needs a path.");
  // Every connection belongs to one thread, so SQLite's own mutexes would guard nothing.
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  std::string name = path;
  switch (mode) {
    case OpenMode::create:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      break;
    case OpenMode::readWrite:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case OpenMode::readOnly:
      flags |= SQLITE_OPEN_READONLY;
      break;
    case OpenMode::immutable:
      flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
      name = uriOf(path) + "?immutable=1";
      break;
  }
  Db db;
  db.info_ = std::make_unique<DbInfo>(DbInfo{.path = path, .vfs = vfs});
  sqlite3* raw = nullptr;
  const int rc = sqlite3_open_v2(name.c_str(), &raw, flags, vfs.empty() ? nullptr : vfs.c_str());
  db.handle_.reset(raw);
  if (rc != SQLITE_OK) return failure(raw, rc, *db.info_);
  // The person's file may come from anywhere: it is data, its schema runs nothing of its own choosing.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  STORE_CHECK(db.exec("PRAGMA busy_timeout=5000; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0"));
  return db;
}

Db::~Db() = default;

Result<void> Db::exec(const std::string& sql) {
  const int rc = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return failure(handle_.get(), rc, *info_);
  return {};
}

Result<Statement> Db::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int rc = sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  Statement statement(raw, info_.get());
  if (rc != SQLITE_OK) return failure(handle_.get(), rc, *info_);
  return statement;
}

void Db::leaveCheckpoints() {
  // The hook takes the place of SQLite's own, which makes the checkpoints.
  const auto count = [](void* info, sqlite3*, const char*, int pages) {
    static_cast<DbInfo*>(info)->logPages = pages;
    return SQLITE_OK;
  };
  sqlite3_wal_hook(handle_.get(), count, info_.get());
}

int Db::changes() const { return sqlite3_changes(handle_.get()); }

bool Db::hasMoved() const {
  int moved = 0;  // stays 0 where the VFS cannot tell
  sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return moved != 0;
}

Result<Transaction> Transaction::begin(Db& db, Durability durability) {
  if (!db.damage().empty()) return fail(Err::damaged, db.damage());
  // What is written into an unlinked file is acknowledged and lost; better to say so.
  if (db.hasMoved())
    return fail(Err::moved,
                "The database " + db.path() + " was moved or deleted while it was open; nothing can be saved.");
  if (!sqlite3_get_autocommit(db.handle())) STORE_CHECK(db.exec("ROLLBACK"));  // one before could not be undone
  STORE_TRY(rollback, db.prepare("ROLLBACK"));
  // NORMAL, not OFF: a log that is started anew is still synced first, or old pages could come back after a power loss.
  STORE_CHECK(db.exec(durability == Durability::powerLoss ? "PRAGMA synchronous=FULL; BEGIN IMMEDIATE"
                                                          : "PRAGMA synchronous=NORMAL; BEGIN IMMEDIATE"));
  return Transaction(db, std::move(rollback));
}

Transaction::~Transaction() {
  // SQLite may already have rolled back by itself (disk full, I/O error).
  if (db_ && !sqlite3_get_autocommit(db_->handle())) (void)rollback_.finish();
}

Result<void> Transaction::commit() {
  STORE_CHECK(db_->exec("COMMIT"));
  db_ = nullptr;
  return {};
}

}  // namespace lemma::storage
