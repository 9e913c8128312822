// Tables that are gone and rows that make no sense, under a store that is open: each call says so in a sentence that
// names the database or the row, or does not need them.
#include <functional>
#include <set>

#include "storage/snapshot.h"
#include "storage/sqlite/db.h"
#include "tests/storage/fixture.h"

namespace lemma::storage {

class BrokenRows : public StoreTest {
 protected:
  using Call = std::function<std::optional<Error>()>;
  template <class T>
  static std::optional<Error> errorOf(const Result<T>& result) {
    return result ? std::nullopt : std::optional(result.error());
  }

  // A store with two turns, a model and settings.
  Store filled() {
    auto store = std::move(*open());
    conversation_ = ids_.conversation();
    first_ = question("q", conversation_, true);
    turn(store, first_, "a");
    second_ = question("r", conversation_);
    EXPECT_TRUE(store.send(second_));  // its answer streams
    const DraftDelta draft[] = {{PartKind::think, "hm", 1, now_}};
    EXPECT_TRUE(store.appendDraft(second_.answer, draft));
    stopped_ = question("s", ids_.conversation(), true);
    EXPECT_TRUE(store.send(stopped_));
    EXPECT_TRUE(store.seal({.message = stopped_.answer, .state = MessageState::stopped}));
    model_.id = "m1";
    model_.bytes = 3;
    EXPECT_TRUE(store.rememberModel(model_, path()));
    EXPECT_TRUE(store.setSetting(Store::Scope::person, "", "temperature", 0.5));
    EXPECT_TRUE(store.setSetting(Store::Scope::model, "m1", "top_k", int64_t(5)));
    EXPECT_TRUE(store.setState("window", R"({"version": 1})"));
    return store;
  }

  std::map<std::string, Call> calls(Store& s) {
    const AnswerSnapshot snapshot = someSnapshot();
    const auto fresh = [this] { return ids_.message(); };
    return {
        {"create", [&s, this] { return errorOf(s.create(ids_.conversation(), "t")); }},
        {"conversations", [&s] { return errorOf(s.conversations()); }},
        {"bin", [&s] { return errorOf(s.bin()); }},
        {"load", [&s, this] { return errorOf(s.load(conversation_)); }},
        {"rename", [&s, this] { return errorOf(s.rename(conversation_, "n", true)); }},
        {"remove", [&s, this] { return errorOf(s.remove(conversation_)); }},
        {"restore", [&s, this] { return errorOf(s.restore(conversation_)); }},
        {"purgeBin", [&s] { return errorOf(s.purgeBin(0)); }},
        {"send", [&s, this] { return errorOf(s.send(question("x", conversation_))); }},
        {"regenerate",
         [&s, this, snapshot, fresh] { return errorOf(s.regenerate(second_.answer, fresh(), snapshot)); }},
        {"resume", [&s, this, snapshot] { return errorOf(s.resume(stopped_.answer, snapshot)); }},
        {"appendDraft",
         [&s, this] {
           const DraftDelta delta[] = {{PartKind::answer, "x", 1, now_}};
           return errorOf(s.appendDraft(second_.answer, delta));
         }},
        {"isStreaming", [&s] { return errorOf(s.isStreaming()); }},
        {"seal", [&s, this] { return errorOf(s.seal({.message = second_.answer})); }},
        {"showBranch", [&s, this] { return errorOf(s.showBranch(first_.answer)); }},
        {"removeMessage", [&s, this] { return errorOf(s.removeMessage(second_.question)); }},
        {"restoreMessage", [&s, this] { return errorOf(s.restoreMessage(second_.question)); }},
        {"rememberModel", [&s, this] { return errorOf(s.rememberModel(model_, "/elsewhere")); }},
        {"models", [&s] { return errorOf(s.models()); }},
        {"findModel", [&s] { return errorOf(s.findModel("m1")); }},
        {"checkPlaces", [&s] { return errorOf(s.checkPlaces("m1")); }},
        {"forgetModel", [&s] { return errorOf(s.forgetModel("m1")); }},
        {"settings", [&s] { return errorOf(s.settings(Store::Scope::person, "")); }},
        {"setSetting", [&s] { return errorOf(s.setSetting(Store::Scope::model, "m1", "top_k", int64_t(7))); }},
        {"inherit", [&s] { return errorOf(s.setSetting(Store::Scope::model, "m1", "top_k", std::nullopt)); }},
        {"state", [&s] { return errorOf(s.state("window")); }},
        {"setState", [&s] { return errorOf(s.setState("window", R"({"version": 2})")); }},
    };
  }

  void change(const std::string& sql) {
    TAKE(db, Db::open(path(), OpenMode::readWrite));
    ASSERT_OK(db.exec("PRAGMA foreign_keys=OFF; PRAGMA ignore_check_constraints=ON; " + sql));
  }
  void startAnew() {
    for (const char* ending : {"", "-wal", "-shm"}) std::filesystem::remove(path() + ending);
  }

  ConversationId conversation_;
  Sending first_, second_, stopped_;
  ModelRecord model_;
};

TEST_F(BrokenRows, aTableThatIsGoneIsNamed) {
  std::vector<std::string> tables;
  {
    const Store store = filled();
    TAKE(db, Db::open(path(), OpenMode::readOnly));
    TAKE(rows, db.query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"));
    for (;;) {
      TAKE(row, rows.step());
      if (!row) break;
      tables.push_back(rows.text(0));
    }
  }
  EXPECT_GE(tables.size(), 8u);
  const std::string bytes = readFile(path());  // closed, so all of it is in the one file
  std::set<std::string> everFailed;
  for (const std::string& table : tables) {
    SCOPED_TRACE(table);
    std::vector<std::string> names;
    for (size_t i = 0; i == 0 || i < names.size(); ++i) {  // each call on a store of its own
      startAnew();
      writeFile(path(), bytes);
      TAKE(store, Store::open(path(), {.clock = [this] { return now_; }, .keepStreaming = true}));
      auto all = calls(store);
      if (names.empty()) {
        for (const auto& [name, call] : all) names.push_back(name);
      }
      change("DROP TABLE " + table);
      if (const auto error = all.at(names[i])()) {
        everFailed.insert(names[i]);
        EXPECT_NE(error->what.find(path()), std::string::npos) << names[i] << ": " << error->what;
        EXPECT_NE(error->what.find(table), std::string::npos) << names[i] << ": " << error->what;
      }
    }
  }
  for (const char* name :
       {"create", "load", "send", "purgeBin", "models", "checkPlaces", "settings", "state", "seal"}) {
    EXPECT_TRUE(everFailed.contains(name)) << name;
  }
}

TEST_F(BrokenRows, rowsThatMakeNoSenseAreRefused) {
  const struct {
    const char* sql;
    const char* says;
  } cases[] = {
      {"UPDATE message SET role = 'nobody'", "a message row makes no sense"},
      {"UPDATE message SET state = 'odd'", "a message row makes no sense"},
      {"UPDATE message SET id = x'0102' WHERE role = 'user'", "makes no sense"},
      {"UPDATE part SET kind = 'odd'", "a part row makes no sense"},
      {"UPDATE part SET message_id = x'0102'", "a part row makes no sense"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.sql);
    startAnew();
    Store store = filled();
    TAKE(db, Db::open(path(), OpenMode::readWrite));
    if (!db.exec(std::string("PRAGMA foreign_keys=OFF; PRAGMA ignore_check_constraints=ON; ") + c.sql)) continue;
    const auto loaded = store.load(conversation_);
    if (loaded) continue;  // the row was not this conversation's any more
    EXPECT_EQ(loaded.error().code, Err::damaged);
    EXPECT_NE(loaded.error().what.find(c.says), std::string::npos) << loaded.error().what;
  }
}

// The fields of the file's header that hold little: each at a number that it cannot have.
TEST_F(BrokenRows, aHeaderThatMakesNoSenseIsRefused) {
  { const Store store = filled(); }
  const std::string bytes = readFile(path());
  const std::pair<size_t, char> fields[] = {{18, 0}, {18, 3}, {19, 0}, {19, 3}, {20, 8},
                                            {47, 5}, {55, 1}, {59, 2}, {71, 9}, {63, 99}};
  for (const auto& [at, value] : fields) {
    SCOPED_TRACE(at);
    std::string other = bytes;
    other[at] = value;
    startAnew();
    writeFile(path(), other);
    const auto store = open();
    if (store) {
      EXPECT_TRUE(store->report().readOnly) << "it is used as if nothing was wrong";
      continue;
    }
    EXPECT_NE(store.error().what.find(path()), std::string::npos) << store.error().what;
    EXPECT_EQ(readFile(path()), other) << "it was changed";
  }
}

TEST_F(BrokenRows, callsThatCannotBe) {
  Store store = filled();
  const auto sealed = store.seal({.message = second_.answer, .state = MessageState::streaming});
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().what, "A message that is sealed cannot go on streaming.");
  EXPECT_TRUE(store.appendDraft(second_.answer, {}));
  EXPECT_TRUE(*store.isStreaming());
  EXPECT_FALSE(store.resume(second_.answer, someSnapshot())) << "it streams";
  ASSERT_OK(store.seal({.message = second_.answer}));
  EXPECT_FALSE(*store.isStreaming());
  EXPECT_FALSE(store.resume(second_.question, someSnapshot())) << "it is a question";
  EXPECT_FALSE(store.resume(second_.answer, someSnapshot())) << "it is complete";
  EXPECT_FALSE(store.forgetModel("no such"));
  TAKE(found, store.checkPlaces("no such"));
  EXPECT_FALSE(found);
  EXPECT_FALSE(store.load(ids_.conversation()));
  EXPECT_FALSE(store.remove(ids_.conversation()));
  EXPECT_FALSE(store.showBranch(ids_.message()));
  EXPECT_FALSE(Db::open("", OpenMode::create));
  EXPECT_FALSE(Db::open(std::string("a\0b", 3), OpenMode::create));
}

// The signs of a URI in a name, for the one mode that needs a URI.
TEST_F(BrokenRows, aNameOfOddSignsIsOpenedAsItIs) {
  const std::string odd = folder_ / "a%20b?c#d.db";
  {
    TAKE(db, Db::open(odd, OpenMode::create));
    ASSERT_OK(db.exec("CREATE TABLE t(x); INSERT INTO t VALUES (7)"));
  }
  TAKE(db, Db::open(odd, OpenMode::immutable));
  TAKE(seven, db.integer("SELECT x FROM t"));
  EXPECT_EQ(seven, 7);
  const auto none = db.integer("SELECT x FROM t WHERE x = 8");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Err::notFound);
  EXPECT_EQ(db.text("SELECT x FROM t WHERE x = 8").error().code, Err::notFound);
}

TEST_F(BrokenRows, aTextThatIsTooLargeIsSaid) {
  TAKE(db, Db::open(path(), OpenMode::create));
  ASSERT_OK(db.exec("CREATE TABLE t(x)"));
  sqlite3_limit(db.handle(), SQLITE_LIMIT_LENGTH, 1000);
  const auto large = db.run("INSERT INTO t VALUES (?)", std::string(2000, 'x'));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Err::tooLarge);
  EXPECT_NE(large.error().what.find("too large for one row"), std::string::npos);
}

TEST_F(BrokenRows, aDatabaseThatIsHeldIsSaid) {
  TAKE(holder, Db::open(path(), OpenMode::create));
  ASSERT_OK(holder.exec("CREATE TABLE t(x); BEGIN EXCLUSIVE"));
  TAKE(other, Db::open(path(), OpenMode::readWrite));
  sqlite3_busy_timeout(other.handle(), 0);
  const auto held = other.exec("INSERT INTO t VALUES (1)");
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, Err::busy);
  EXPECT_NE(held.error().what.find("held by another program"), std::string::npos);
}

TEST(AnswerSnapshotJson, isReadAsFarAsItIsOne) {
  const struct {
    const char* json;
    std::optional<Err> code;
  } cases[] = {
      {"", Err::badValue},
      {"[]", Err::badValue},
      {"{}", Err::badValue},
      {R"({"schema": 7})", Err::badValue},
      {R"({"schema": "other"})", Err::badValue},
      {R"({"schema": "lemma.answer"})", Err::newerSchema},
      {R"({"schema": "lemma.answer", "version": "1"})", Err::newerSchema},
      {R"({"schema": "lemma.answer", "version": 2})", Err::newerSchema},
      {R"({"schema": "lemma.answer", "version": 1})", {}},
      {R"({"schema": "lemma.answer", "version": 1, "program": 7, "model": [], "settings": []})", {}},
      {R"({"schema": "lemma.answer", "version": 1, "model": {"id": 1}, "settings": {"a": [], "b": null}})", {}},
  };
  for (const auto& c : cases) {
    const auto snapshot = snapshotFromJson(c.json);
    ASSERT_EQ(snapshot.has_value(), !c.code) << c.json;
    if (snapshot) {
      EXPECT_EQ(*snapshot, AnswerSnapshot{}) << c.json;
    } else {
      EXPECT_EQ(snapshot.error().code, *c.code) << c.json;
    }
  }
}

}  // namespace lemma::storage
