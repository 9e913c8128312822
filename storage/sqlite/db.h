// One SQLite connection, its statements and transactions, as owners of the C API's handles.
// Owner: whoever opens it; one thread uses a Db and everything made from it. Destructors only undo.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "storage/ids.h"
#include "storage/result.h"

namespace lemma::storage {

// What statements and transactions share with their connection.
struct DbInfo {
  std::string path;
  std::string vfs;     // the file layer's name; empty = SQLite's own
  std::string damage;  // the sentence of the first sign of damage; from then on nothing is written
  int logPages = 0;    // of the write-ahead log at the last commit; counted only after leaveCheckpoints()
};

struct BlobView {
  const void* data = nullptr;
  size_t size = 0;
};

// A prepared statement with its values bound (copied). Columns and parameters count from 0 and 1 as in the C API.
class Statement {
 public:
  Result<bool> step();    // true: a row lies ready; false: done
  Result<void> finish();  // steps to the end, dropping rows
  void reset();           // ready to be bound and stepped again

  void bind(int at, std::nullptr_t);
  void bind(int at, int64_t value);
  void bind(int at, double value);
  void bind(int at, std::string_view text);
  void bind(int at, BlobView blob);
  void bind(int at, const Uuid& id) { bind(at, BlobView{id.bytes.data(), id.bytes.size()}); }
  void bind(int at, bool value) { bind(at, int64_t{value}); }
  void bind(int at, const char* text) { bind(at, std::string_view(text)); }
  void bind(int at, const std::string& text) { bind(at, std::string_view(text)); }
  template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, int64_t>) void bind(int at,
                                                                                                       T value) {
    bind(at, static_cast<int64_t>(value));
  }
  template <class T>
  void bind(int at, const std::optional<T>& value) {
    value ? bind(at, *value) : bind(at, nullptr);
  }

  bool isNull(int column) const;
  int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;                  // every byte, zero bytes too
  std::optional<int64_t> integerOr(int column) const;  // nullopt for NULL
  std::optional<Uuid> uuid(int column) const;          // nullopt for NULL and for anything but 16 bytes

 private:
  friend class Db;
  struct Finalize {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  Statement(sqlite3_stmt* handle, DbInfo* info) : handle_(handle), info_(info) {}
  void note(int rc) {
    if (bindRc_ == SQLITE_OK) bindRc_ = rc;
  }
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  DbInfo* info_;
  int bindRc_ = SQLITE_OK;  // first failed bind; reported by step()
};

enum class OpenMode {
  create,     // read and write, made when missing
  readWrite,  // must exist
  readOnly,   // must exist; may need the -shm file beside a -wal
  immutable,  // must exist and not change; reads the main file only, touches nothing
};

class Db {
 public:
  static Result<Db> open(const std::string& path, OpenMode mode,
                         const std::string& vfs = {});  // vfs: empty = SQLite's own
  Db(Db&&) = default;
  Db& operator=(Db&&) = default;
  ~Db();

  const std::string& path() const { return info_->path; }
  const std::string& vfs() const { return info_->vfs; }
  const std::string& damage() const { return info_->damage; }
  void setDamage(const std::string& sentence) { info_->damage = sentence; }
  sqlite3* handle() { return handle_.get(); }

  Result<void> exec(const std::string& sql);  // one or more statements without values
  Result<Statement> prepare(std::string_view sql);
  template <class... Values>
  Result<Statement> query(std::string_view sql, const Values&... values) {
    STORE_TRY(statement, prepare(sql));
    int at = 0;
    (statement.bind(++at, values), ...);
    return statement;
  }
  template <class... Values>
  Result<void> run(std::string_view sql, const Values&... values) {
    STORE_TRY(statement, query(sql, values...));
    return statement.finish();
  }
  // The same for what is run again and again: the first time makes the statement, which takes longer than most rows.
  // `kept` stands behind the transaction that it is used in, so that it goes first.
  template <class... Values>
  Result<void> runAgain(std::optional<Statement>& kept, std::string_view sql, const Values&... values) {
    if (!kept) {
      STORE_TRY(statement, prepare(sql));
      kept.emplace(std::move(statement));
    }
    kept->reset();
    int at = 0;
    (kept->bind(++at, values), ...);
    return kept->finish();
  }
  // First column of the first row; notFound when there is no row.
  template <class... Values>
  Result<int64_t> integer(std::string_view sql, const Values&... values) {
    STORE_TRY(statement, query(sql, values...));
    STORE_TRY(row, statement.step());
    if (!row) return fail(Err::notFound, "The database " + path() + " has no such row.");
    return statement.integer(0);
  }
  template <class... Values>
  Result<std::string> text(std::string_view sql, const Values&... values) {
    STORE_TRY(statement, query(sql, values...));
    STORE_TRY(row, statement.step());
    if (!row) return fail(Err::notFound, "The database " + path() + " has no such row.");
    return statement.text(0);
  }
  void leaveCheckpoints();  // to somebody else: from now on no commit makes one
  int logPages() const { return info_->logPages; }
  int changes() const;    // rows the last statement changed
  bool hasMoved() const;  // the path no longer leads to the open file

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  Db() = default;
  std::unique_ptr<DbInfo> info_;  // stable address: statements point to it
  std::unique_ptr<sqlite3, Close> handle_;
};

// What a commit outlives once it returns.
enum class Durability {
  powerLoss,  // the log was synced, and with it every commit before
  kill,       // the pages are the kernel's: nothing waits for the disk, but where a commit starts the log anew
};

// Holds the write lock from begin() on. What is not committed is rolled back. A database that showed damage or whose
// file was moved away is not written to.
class Transaction {
 public:
  static Result<Transaction> begin(Db& db, Durability durability = Durability::powerLoss);
  Transaction(Transaction&& other) noexcept : db_(other.db_), rollback_(std::move(other.rollback_)) {
    other.db_ = nullptr;
  }
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  Transaction(Db& db, Statement rollback) : db_(&db), rollback_(std::move(rollback)) {}
  Db* db_;
  Statement rollback_;  // made before it is needed: there may be no memory to make one then
};

}  // namespace lemma::storage
