#include "storage/schema.h"

#include <algorithm>

#include "tests/storage/fault_vfs.h"
#include "tests/storage/fixture.h"

namespace lemma::storage {
namespace {

const std::string kFixtures = std::string(LEMMA_TESTS_DIR) + "/goldens/storage/";

// All rows of a query as text, one line each.
std::string rowsOf(Db& db, const std::string& sql) {
  std::string out;
  auto rows = db.prepare(sql);
  if (!rows) return rows.error().what;
  for (;;) {
    auto row = rows->step();
    if (!row) return row.error().what;
    if (!*row) return out;
    out += rows->text(0) + "\n";
  }
}

// The content of every table as it was known to an older schema: table -> (columns, rows).
struct Content {
  std::string columns, rows;
};
std::map<std::string, Content> contentOf(Db& db, const std::map<std::string, Content>* columnsFrom = nullptr) {
  std::map<std::string, Content> out;
  std::vector<std::string> tables;
  std::string list =
      rowsOf(db, "SELECT name FROM sqlite_schema WHERE type='table' AND name <> 'schema_step' ORDER BY name");
  for (size_t at = 0, end; (end = list.find('\n', at)) != std::string::npos; at = end + 1)
    tables.push_back(list.substr(at, end - at));
  for (const std::string& table : tables) {
    if (columnsFrom && !columnsFrom->contains(table)) continue;
    Content content;
    content.columns = columnsFrom ? columnsFrom->at(table).columns
                                  : rowsOf(db,
                                           "SELECT group_concat('replace(quote(' || name || '), char(10), char(182))', "
                                           "'||'',''||') FROM pragma_table_info('" +
                                               table + "')");
    content.columns.erase(std::remove(content.columns.begin(), content.columns.end(), '\n'), content.columns.end());
    content.rows = rowsOf(db, "SELECT " + content.columns + " AS line FROM " + table + " ORDER BY line");
    out[table] = content;
  }
  return out;
}

std::string schemaOf(Db& db) {
  return rowsOf(db, "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY type, name");
}

class SchemaTest : public StoreTest {
 protected:
  void useFixture(int version) {
    std::filesystem::copy_file(kFixtures + "schema-" + std::to_string(version) + ".db", path(),
                               std::filesystem::copy_options::overwrite_existing);
  }
  // The built-in steps and one more.
  std::vector<Migration> withStep(const char* sql, int version = 9000, int compat = 9000) {
    std::vector<Migration> table(migrationTable().begin(), migrationTable().end());
    table.push_back({version, compat, "9000-test.sql", sql});
    return table;
  }
  int newest() { return migrationTable().back().version; }
};

}  // namespace

TEST_F(SchemaTest, stepsRiseAndEachHasItsFixture) {
  ASSERT_GE(migrationTable().size(), 2u);
  int last = 0;
  for (const Migration& step : migrationTable()) {
    EXPECT_GT(step.version, last) << step.name;
    EXPECT_LE(step.compat, step.version) << step.name;
    EXPECT_GE(step.compat, 1000) << step.name;
    EXPECT_TRUE(std::filesystem::exists(kFixtures + "schema-" + std::to_string(step.version) + ".db")) << step.name;
    last = step.version;
  }
}

TEST_F(SchemaTest, aNewDatabaseSaysWhatItIs) {
  { TAKE(store, open()); }
  TAKE(db, Db::open(path(), OpenMode::readWrite));
  EXPECT_EQ(*db.integer("PRAGMA application_id"), kApplicationId);
  EXPECT_EQ(*db.integer("PRAGMA user_version"), newest());
  EXPECT_EQ(*db.text("PRAGMA journal_mode"), "wal");
  EXPECT_EQ(*db.integer("SELECT count(*) FROM schema_step"), int64_t(migrationTable().size()));
  EXPECT_EQ(
      *db.integer(
          "SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND NOT strict AND name NOT LIKE 'sqlite%'"),
      0);
  EXPECT_EQ(filesIn(folder_.path()).count("lemma.db.schema-0.bak"), 0u);  // nothing to copy
}

// Every schema that was released: the same rows, the same schema as a new database, and a copy of what was before.
TEST_F(SchemaTest, everyReleasedSchemaComesForward) {
  std::string fresh;
  {
    { TAKE(store, open()); }
    TAKE(db, Db::open(path(), OpenMode::readWrite));
    fresh = schemaOf(db);
  }
  std::filesystem::remove(path());
  for (const Migration& step : migrationTable()) {
    SCOPED_TRACE(step.name);
    useFixture(step.version);
    std::map<std::string, Content> before;
    {
      TAKE(db, Db::open(path(), OpenMode::immutable));
      before = contentOf(db);
      ASSERT_GE(before.size(), 4u);
    }
    std::string backup;
    {
      TAKE(store, open());
      EXPECT_EQ(store.report().schema, newest());
      EXPECT_EQ(store.report().interrupted, 1);
      EXPECT_FALSE(store.report().created);
      backup = store.report().backup;
      TAKE(list, store.conversations());
      ASSERT_EQ(list.size(), 2u);
      TAKE(cut, store.load(list[1].id));
      EXPECT_EQ(cut.messages.at(1).state, MessageState::interrupted);
      EXPECT_EQ(cut.messages.at(1).parts.at(1).text, "answer 31: **4**\n and so on");
    }
    TAKE(db, Db::open(path(), OpenMode::readWrite));
    EXPECT_EQ(schemaOf(db), fresh);
    EXPECT_EQ(*db.text("PRAGMA integrity_check"), "ok");
    auto after = contentOf(db, &before);
    // Only the answer that was being written may differ: it is interrupted now and its drafts are merged.
    for (auto& [table, content] : before) {
      if (table == "part_draft") continue;
      if (table == "message" || table == "part") {
        EXPECT_EQ(std::count(after[table].rows.begin(), after[table].rows.end(), '\n'),
                  std::count(content.rows.begin(), content.rows.end(), '\n'));
        size_t same = 0, lines = 0;
        for (size_t at = 0, end; (end = content.rows.find('\n', at)) != std::string::npos; at = end + 1, ++lines)
          same += after[table].rows.find(content.rows.substr(at, end - at + 1)) != std::string::npos;
        EXPECT_EQ(same, lines - 1) << table;
      } else {
        EXPECT_EQ(after[table].rows, content.rows) << table;
      }
    }
    if (step.version < newest()) {
      ASSERT_EQ(backup, path() + ".schema-" + std::to_string(step.version) + ".bak");
      TAKE(copy, Db::open(backup, OpenMode::immutable));
      EXPECT_EQ(*copy.integer("PRAGMA user_version"), step.version);
      EXPECT_EQ(*copy.integer("PRAGMA application_id"), kApplicationId);
      const auto copied = contentOf(copy);
      ASSERT_EQ(copied.size(), before.size());
      for (const auto& [table, content] : before) EXPECT_EQ(copied.at(table).rows, content.rows) << table;
    } else {
      EXPECT_EQ(backup, "");
    }
    EXPECT_FALSE(std::filesystem::exists(backup + ".tmp"));
  }
}

TEST_F(SchemaTest, aNewerSchemaIsRefusedUntouched) {
  useFixture(newest());
  {
    TAKE(db, Db::open(path(), OpenMode::readWrite));
    ASSERT_OK(db.exec("INSERT INTO schema_step VALUES(9000, 9000, 0); PRAGMA user_version=9000"));
  }
  const auto before = filesIn(folder_.path());
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Err::newerSchema);
  EXPECT_NE(refused.error().what.find("9000"), std::string::npos);
  EXPECT_EQ(filesIn(folder_.path()), before);
}

// The newer version only stands in the -wal: neither file may change.
TEST_F(SchemaTest, aNewerSchemaInTheWalIsRefusedUntouched) {
  TempFolder other;
  {
    TAKE(store, Store::open(other / "lemma.db"));
    TAKE(db, Db::open(other / "lemma.db", OpenMode::readWrite));
    ASSERT_OK(db.exec("INSERT INTO schema_step VALUES(9000, 9000, 0); PRAGMA user_version=9000"));
    for (const char* suffix : {"", "-wal"})  // as a crash leaves them
      std::filesystem::copy_file(other / "lemma.db" + suffix, path() + suffix);
  }
  const auto before = filesIn(folder_.path());
  ASSERT_FALSE(before.at("lemma.db-wal").empty());
  EXPECT_EQ(open().error().code, Err::newerSchema);
  auto after = filesIn(folder_.path());
  after.erase("lemma.db-shm");  // an index of the -wal, made anew whenever it is read
  EXPECT_EQ(after, before);
}

TEST_F(SchemaTest, aNewerSchemaThatIsStillCompatibleIsUsed) {
  useFixture(newest());
  {
    TAKE(db, Db::open(path(), OpenMode::readWrite));
    ASSERT_OK(db.exec("INSERT INTO schema_step VALUES(9000, 1000, 0); PRAGMA user_version=9000"));
  }
  TAKE(store, open());
  EXPECT_EQ(store.report().schema, 9000);
  EXPECT_EQ(store.report().backup, "");
  TAKE(sent, store.send(question("q", ids_.conversation(), true)));
}

// One step among several newer ones forbids older builds; the last one alone would not.
TEST_F(SchemaTest, compatibilityIsTheHighestOfAllSteps) {
  useFixture(newest());
  {
    TAKE(db, Db::open(path(), OpenMode::readWrite));
    ASSERT_OK(db.exec("INSERT INTO schema_step VALUES(8990, 8990, 0), (9000, 1000, 0); PRAGMA user_version=9000"));
  }
  EXPECT_EQ(open().error().code, Err::newerSchema);
}

TEST_F(SchemaTest, aDatabaseOfAnotherProgramIsLeftAlone) {
  {
    TAKE(db, Db::open(path(), OpenMode::create));
    ASSERT_OK(db.exec("CREATE TABLE diary(x); INSERT INTO diary VALUES('dear')"));
  }
  const auto before = filesIn(folder_.path());
  EXPECT_EQ(open().error().code, Err::notOurs);
  EXPECT_EQ(filesIn(folder_.path()), before);
}

TEST_F(SchemaTest, aMigrationThatBreaksSomethingIsUndone) {
  struct Case {
    const char* name;
    const char* sql;
    const char* says;
  };
  const Case cases[] = {
      {"syntax", "CREATE TABLE fresh(x ANY) STRICT; NONSENSE", "NONSENSE"},
      {"row lost", "DELETE FROM part WHERE id = 1", "number of rows of part"},
      {"row gained", "INSERT INTO conversation(id, created_at, updated_at) VALUES(randomblob(16), 1, 1)",
       "number of rows of conversation"},
      {"dangling", "UPDATE part SET message_id = randomblob(16) WHERE id = 1", "part"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    useFixture(1000);
    std::string before;
    {
      TAKE(db, Db::open(path(), OpenMode::immutable));
      before = schemaOf(db) + contentOf(db).at("part").rows;
    }
    const auto table = withStep(c.sql);
    const auto failed = Store::open(path(), {.clock = [this] { return now_; }, .migrations = table});
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().what.find(c.says), std::string::npos) << failed.error().what;
    // What was good before it is kept, the step itself left nothing.
    TAKE(store, open());
    EXPECT_EQ(store.report().schema, newest());
    TAKE(db, Db::open(path(), OpenMode::readWrite));
    EXPECT_EQ(*db.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'fresh'"), 0);
    EXPECT_EQ(*db.integer("SELECT count(*) FROM schema_step WHERE version = 9000"), 0);
    TAKE(backup, Db::open(path() + ".schema-1000.bak", OpenMode::immutable));
    EXPECT_EQ(schemaOf(backup) + contentOf(backup).at("part").rows, before);
    std::filesystem::remove(path() + ".schema-1000.bak");
  }
}

// A table may be built anew under the same name: nothing cascades while its rows move.
TEST_F(SchemaTest, aMigrationMayRebuildATable) {
  useFixture(newest());
  const auto table = withStep(
      "CREATE TABLE conversation2(id BLOB PRIMARY KEY NOT NULL, title TEXT NOT NULL, title_by_person INTEGER NOT NULL "
      "DEFAULT 0,"
      " created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, deleted_at INTEGER, current_leaf BLOB) STRICT;"
      "INSERT INTO conversation2 SELECT * FROM conversation; DROP TABLE conversation;"
      "ALTER TABLE conversation2 RENAME TO conversation;",
      9000, 9000);
  TAKE(store, Store::open(path(), {.clock = [this] { return now_; }, .migrations = table}));
  EXPECT_EQ(store.report().schema, 9000);
  TAKE(list, store.conversations());
  ASSERT_EQ(list.size(), 2u);
  TAKE(thread, store.load(list[0].id));
  EXPECT_EQ(thread.messages.size(), 4u);
}

TEST_F(SchemaTest, noMigrationWithoutAVerifiedCopy) {
  useFixture(1000);
  const auto before = filesIn(folder_.path());
  FaultVfs vfs("no-copy");
  for (const FileCall failing : {FileCall::write, FileCall::open, FileCall::read}) {
    vfs.judgeBy([failing](FileCall call, const std::string& file) {
      return call == failing && file.ends_with(".tmp") ? SQLITE_FULL : SQLITE_OK;
    });
    const auto refused = Store::open(path(), {.clock = [this] { return now_; }, .vfs = vfs.name()});
    ASSERT_FALSE(refused) << int(failing);
    EXPECT_EQ(refused.error().code, Err::diskFull) << refused.error().what;
    EXPECT_EQ(filesIn(folder_.path()), before) << int(failing);
  }
  vfs.judgeBy({});
  ASSERT_OK(Store::open(path(), {.clock = [this] { return now_; }, .vfs = vfs.name()}));
}

TEST_F(SchemaTest, aCopyThatWasKilledIsMadeAnew) {
  useFixture(1000);
  writeFile(path() + ".schema-1000.bak.tmp", "half a copy");
  writeFile(path() + ".schema-1000.bak", "an old one");
  TAKE(store, open());
  EXPECT_FALSE(std::filesystem::exists(path() + ".schema-1000.bak.tmp"));
  TAKE(copy, Db::open(path() + ".schema-1000.bak", OpenMode::immutable));
  EXPECT_TRUE(integrityCheck(copy));
}

}  // namespace lemma::storage
