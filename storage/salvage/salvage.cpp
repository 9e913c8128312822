#include "storage/salvage/salvage.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <vector>

#include "storage/flush.h"
#include "storage/salvage/bytes.h"
#include "storage/salvage/cells.h"
#include "storage/salvage/tables.h"
#include "storage/schema.h"
#include "storage/sqlite/db.h"

namespace lemma::storage {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBeside[] = {"-wal", "-shm", "-journal"};

std::string unfinishedName(const std::string& path) { return path + ".salvage.tmp"; }
std::string finishedName(const std::string& path) { return path + ".salvaged"; }

// Which pages a walk has come to. A row is taken from the tree's pages first: what lies elsewhere may be older.
enum class Seen : uint8_t { no, reached, free };

class Reader {
 public:
  Reader(const PageFile& pages, Db& db, std::vector<Table> tables)
      : pages_(pages), db_(db), tables_(std::move(tables)), seen_(size_t{pages.count()} + 1), page_(pages.pageSize()) {}

  Result<void> run() {
    STORE_CHECK(db_.exec("CREATE TEMP TABLE home(message BLOB PRIMARY KEY, conversation BLOB) WITHOUT ROWID"));
    for (const Table& table : tables_) {
      std::string names, places;
      for (const Column& column : table.columns) {
        names += (names.empty() ? "" : ", ") + column.name;
        places += places.empty() ? "?" : ", ?";
      }
      STORE_TRY(insert, db_.prepare("INSERT OR IGNORE INTO " + table.name + "(" + names + ") VALUES(" + places + ")"));
      inserts_.push_back(std::move(insert));
    }
    STORE_TRY(home, db_.prepare("INSERT OR IGNORE INTO temp.home(message, conversation) VALUES(?, ?)"));
    home_.push_back(std::move(home));
    if (pages_.count() == 0) return {};
    STORE_CHECK(walkTrees());
    STORE_CHECK(markFree());
    for (uint32_t number = 2; number <= pages_.count(); ++number) {
      if (seen_[number] != Seen::no) continue;
      STORE_CHECK(pages_.read(number, page_));
      STORE_CHECK(takeRows(number));
    }
    return {};
  }

 private:
  // Every tree that the schema on page 1 names; a damaged schema names fewer.
  Result<void> walkTrees() {
    std::vector<uint32_t> roots = {1};
    STORE_CHECK(walk(1, [&roots, this](Row& row) -> Result<void> {
      const auto* root = row.values.size() == 5 ? std::get_if<int64_t>(&row.values[3]) : nullptr;
      if (root && *root >= 2 && *root <= int64_t{pages_.count()}) roots.push_back(static_cast<uint32_t>(*root));
      return {};
    }));
    for (size_t i = 1; i < roots.size(); ++i) STORE_CHECK(walk(roots[i], [this](Row& row) { return take(row); }));
    return {};
  }
  Result<void> walk(uint32_t root, const std::function<Result<void>(Row&)>& found) {
    std::vector<uint32_t> waiting = {root};
    while (!waiting.empty()) {
      const uint32_t number = waiting.back();
      waiting.pop_back();
      if (seen_[number] != Seen::no) continue;
      seen_[number] = Seen::reached;
      STORE_CHECK(pages_.read(number, page_));
      for (const uint32_t child : childrenOf(pages_, number, page_)) waiting.push_back(child);
      STORE_CHECK(eachRow(pages_, number, page_, found));
    }
    return {};
  }
  // Rows on free pages were deleted.
  Result<void> markFree() {
    STORE_CHECK(pages_.read(1, page_));
    uint32_t trunk = readU32(page_, 32);
    while (trunk >= 2 && trunk <= pages_.count() && seen_[trunk] == Seen::no) {
      STORE_CHECK(pages_.read(trunk, page_));
      const uint32_t next = readU32(page_, 0), count = readU32(page_, 4);
      if (next > pages_.count() || count > page_.size() / 4 - 2) return {};
      for (uint32_t i = 0; i < count; ++i) {
        const uint32_t number = readU32(page_, 8 + 4 * size_t{i});
        if (number < 2 || number > pages_.count()) return {};
      }
      seen_[trunk] = Seen::free;
      for (uint32_t i = 0; i < count; ++i) {
        Seen& seen = seen_[readU32(page_, 8 + 4 * size_t{i})];
        if (seen == Seen::no) seen = Seen::free;
      }
      trunk = next;
    }
    return {};
  }
  Result<void> takeRows(uint32_t number) {
    return eachRow(pages_, number, page_, [this](Row& row) { return take(row); });
  }

  Result<void> take(const Row& row) {
    const Table* table = nullptr;
    for (const Table& candidate : tables_) {
      if (!fits(row, candidate)) continue;
      if (!table || candidate.columns.size() == row.values.size()) table = &candidate;
    }
    if (!table) return takeEntry(row);
    if (table->name == "schema_step") return {};  // the new database has its own
    Statement& insert = inserts_[static_cast<size_t>(table - tables_.data())];
    insert.reset();
    for (size_t i = 0; i < row.values.size(); ++i) {
      const int at = static_cast<int>(i) + 1;
      if (table->columns[i].isRowid)
        insert.bind(at, *row.rowid);
      else
        std::visit([&](const auto& value) { bind(insert, at, value); }, row.values[i]);
    }
    return run(insert);
  }
  // The indexes of messages say which conversation a message belongs to, should its row be lost: all their entries
  // begin with a conversation and a message of it.
  Result<void> takeEntry(const Row& row) {
    if (row.rowid || row.values.size() != 3) return {};
    const auto* conversation = std::get_if<Blob>(&row.values[0]);
    const auto* message = std::get_if<Blob>(&row.values[1]);
    if (!conversation || !message || conversation->bytes.size() != 16 || message->bytes.size() != 16) return {};
    home_[0].reset();
    bind(home_[0], 1, *message);
    bind(home_[0], 2, *conversation);
    return run(home_[0]);
  }
  static Result<void> run(Statement& statement) {
    auto done = statement.finish();
    if (!done && done.error().code == Err::badValue) return {};  // no such row was ever written
    return done;
  }
  static void bind(Statement& to, int at, std::monostate) { to.bind(at, nullptr); }
  static void bind(Statement& to, int at, const Blob& blob) {
    to.bind(at, BlobView{blob.bytes.data(), blob.bytes.size()});
  }
  template <class T>
  static void bind(Statement& to, int at, const T& value) {
    to.bind(at, value);
  }

  const PageFile& pages_;
  Db& db_;
  const std::vector<Table> tables_;
  std::vector<Seen> seen_;
  std::vector<uint8_t> page_;
  std::vector<Statement> inserts_;  // one a table
  std::vector<Statement> home_;     // one
};

// Gives every row what it must refer to. Ids rise with time, so the message before a lost one is found by its id.
// ?1: a conversation for what belongs to nobody that is known, ?2: now.
constexpr const char* kMend[] = {
    "DELETE FROM model_place WHERE model_id NOT IN (SELECT id FROM model)",
    "UPDATE message SET snapshot = NULL WHERE NOT json_valid(snapshot)",
    "UPDATE part SET json = NULL WHERE NOT json_valid(json)",
    "UPDATE model SET json = NULL WHERE NOT json_valid(json)",
    "DELETE FROM setting WHERE NOT json_valid(value)",
    "DELETE FROM app_state WHERE NOT json_valid(json)",
    "DELETE FROM part_draft WHERE part_id NOT IN (SELECT id FROM part)",
    "CREATE TEMP TABLE made AS SELECT DISTINCT message_id AS id FROM part WHERE message_id NOT IN"
    " (SELECT id FROM message)",
    "INSERT OR IGNORE INTO message(id, conversation_id, role, state, created_at, finished_at)"
    " SELECT message_id, coalesce((SELECT conversation FROM home WHERE message = message_id),"
    " (SELECT conversation_id FROM message WHERE parent_id = message_id LIMIT 1), ?1),"
    " CASE WHEN sum(kind IN ('text', 'attachment')) > 0 THEN 'user' ELSE 'assistant' END, 'complete',"
    " coalesce(min(started_at), ?2), coalesce(max(ended_at), ?2)"
    " FROM part WHERE message_id IN (SELECT id FROM made) GROUP BY message_id",
    "DELETE FROM part WHERE message_id NOT IN (SELECT id FROM message)",
    "DELETE FROM part_draft WHERE part_id NOT IN (SELECT id FROM part)",
    "CREATE TEMP TABLE leafless AS SELECT id FROM conversation WHERE current_leaf NOT IN (SELECT id FROM message)"
    " UNION SELECT conversation_id FROM message WHERE conversation_id NOT IN (SELECT id FROM conversation)",
    "INSERT OR IGNORE INTO conversation(id, title, created_at, updated_at)"
    " SELECT m.conversation_id, coalesce((SELECT substr(p.text, 1, 60) FROM part p JOIN message o"
    " ON o.id = p.message_id WHERE o.conversation_id = m.conversation_id ORDER BY o.id, p.seq LIMIT 1), ''),"
    " min(m.created_at), max(coalesce(m.finished_at, m.created_at)) FROM message m"
    " WHERE m.conversation_id NOT IN (SELECT id FROM conversation) GROUP BY m.conversation_id",
    "DELETE FROM message WHERE conversation_id NOT IN (SELECT id FROM conversation)",
    "DELETE FROM part WHERE message_id NOT IN (SELECT id FROM message)",
    "DELETE FROM part_draft WHERE part_id NOT IN (SELECT id FROM part)",
    "UPDATE message SET parent_id = (SELECT max(o.id) FROM message o WHERE o.conversation_id = message.conversation_id"
    " AND o.id < min(message.id, coalesce(message.parent_id, message.id)) AND o.deleted_at IS NULL)"
    " WHERE (parent_id IS NULL AND id IN (SELECT id FROM made)) OR (parent_id IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM message p WHERE p.conversation_id = message.conversation_id AND p.id = message.parent_id))",
    "UPDATE conversation SET current_leaf = (SELECT max(m.id) FROM message m WHERE m.conversation_id = conversation.id"
    " AND m.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM message c WHERE c.conversation_id = m.conversation_id"
    " AND c.parent_id = m.id AND c.deleted_at IS NULL)) WHERE id IN (SELECT id FROM leafless)",
};

Result<void> mend(Db& db, const Clock& clock) {
  const ConversationId nobodys = IdGenerator(clock).conversation();
  const Millis now = clock();
  for (const char* sql : kMend) {
    STORE_TRY(statement, db.prepare(sql));
    if (std::strstr(sql, "?1")) {
      statement.bind(1, nobodys);
      statement.bind(2, now);
    }
    STORE_CHECK(statement.finish());
  }
  return {};
}

// Made at `target`, whole and on the disk; on failure something half may lie there.
Result<SalvageReport> rebuild(const PageFile& pages, const std::string& target, const Clock& clock,
                              const std::string& vfs) {
  SalvageReport report;
  {
    STORE_TRY(db, Db::open(target, OpenMode::create, vfs));
    STORE_CHECK(db.exec("PRAGMA journal_mode=MEMORY"));  // a half one is made anew
    STORE_CHECK(migrate(db, 0, migrationTable(), clock));
    STORE_CHECK(db.exec("PRAGMA foreign_keys=OFF"));  // rows come in the order of their pages
    STORE_TRY(tables, tablesOf(db));
    STORE_TRY(transaction, Transaction::begin(db));
    Reader reader(pages, db, std::move(tables));
    STORE_CHECK(reader.run());
    STORE_CHECK(mend(db, clock));
    STORE_TRY(dangling, db.integer("SELECT count(*) FROM pragma_foreign_key_check"));
    if (dangling != 0) return fail(Err::internal, "What was read of " + target + " does not fit together.");
    STORE_TRY(conversations, db.integer("SELECT count(*) FROM conversation WHERE deleted_at IS NULL"));
    STORE_TRY(messages, db.integer("SELECT count(*) FROM message WHERE deleted_at IS NULL"));
    report.conversations = conversations;
    report.messages = messages;
    STORE_CHECK(transaction.commit());
    STORE_CHECK(integrityCheck(db));
  }
  STORE_CHECK(flushFile(target));
  return report;
}

// A database that a newer Lemma wrote has tables that would be left behind here.
Result<void> mayBeOurs(const PageFile& pages) {
  if (pages.count() == 0) return {};
  std::vector<uint8_t> page(pages.pageSize());
  STORE_CHECK(pages.read(1, page));
  const uint32_t application = readU32(page, 68), version = readU32(page, 60);
  const auto newest = static_cast<uint32_t>(migrationTable().back().version);
  if (application != uint32_t{kApplicationId} || version <= newest) return {};
  return fail(Err::newerSchema, "It was written by a newer Lemma (schema " + std::to_string(version) + ").");
}

// A second name for the file, or a copy where the file system has no such thing.
Result<void> keep(const std::string& from, const std::string& to) {
  std::error_code failed;
  if (!fs::exists(from, failed)) return {};
  fs::create_hard_link(from, to, failed);
  if (!failed) return {};
  fs::copy_file(from, to, failed);
  if (!failed) return flushFile(to);
  std::error_code ignored;
  fs::remove(to, ignored);
  return fail(failed == std::errc::no_space_on_device ? Err::diskFull : Err::io,
              from + " could not be kept as " + to + ": " + failed.message() + ".");
}

std::string keptName(const std::string& path, Millis now) {
  const std::time_t seconds = static_cast<std::time_t>(now / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &utc);
  const std::string name = path + ".damaged-" + stamp;
  std::string free = name;
  std::error_code none;
  for (int i = 2; fs::exists(free, none) || fs::exists(free + "-wal", none); ++i) free = name + "-" + std::to_string(i);
  return free;
}

Result<SalvageReport> prepare(const std::string& path, const Clock& clock, const std::string& vfs, bool withLog) {
  STORE_TRY(pages, PageFile::open(path, vfs, withLog));
  STORE_CHECK(mayBeOurs(pages));
  const std::string unfinished = unfinishedName(path);
  STORE_TRY(report, rebuild(pages, unfinished, clock, vfs));
  report.kept = keptName(path, clock());
  STORE_CHECK(keep(path, report.kept));
  for (const char* suffix : {"-wal", "-journal"}) STORE_CHECK(keep(path + suffix, report.kept + suffix));
  STORE_CHECK(flushFolderOf(path));
  // From here on the salvage is done, whatever happens.
  if (::rename(unfinished.c_str(), finishedName(path).c_str()) != 0)
    return fail(Err::io, unfinished + " could not be renamed: " + std::strerror(errno) + ".");
  return report;
}

}  // namespace

Result<SalvageReport> salvage(const std::string& path, const Clock& clock, const std::string& vfs, bool withLog) {
  std::error_code ignored;
  fs::remove(unfinishedName(path), ignored);  // left by one that was killed
  auto report = prepare(path, clock, vfs, withLog);
  if (!report) {
    fs::remove(unfinishedName(path), ignored);
    return report;
  }
  STORE_CHECK(finishSalvage(path));
  return report;
}

Result<void> finishSalvage(const std::string& path) {
  const std::string finished = finishedName(path);
  std::error_code failed;
  if (!fs::exists(finished, failed)) return {};
  STORE_CHECK(flushFolderOf(path));
  // The old log first: SQLite would play it into whatever database lies beside it.
  for (const char* suffix : kBeside) {
    fs::remove(path + suffix, failed);
    if (failed) return fail(Err::io, path + suffix + " could not be removed: " + failed.message() + ".");
  }
  STORE_CHECK(flushFolderOf(path));
  if (::rename(finished.c_str(), path.c_str()) != 0)
    return fail(Err::io, finished + " could not be renamed to " + path + ": " + std::strerror(errno) + ".");
  return flushFolderOf(path);
}

}  // namespace lemma::storage
