// The Nth call on a file fails, once or from then on, for every N until a script runs to its end undisturbed.
// Pass: a change that was acknowledged is there; one that failed is wholly there or not at all; the database is sound;
// the error has a sentence; and once the disk works again the same open store works again.
#include <functional>
#include <vector>

#include "tests/storage/fault_vfs.h"
#include "tests/storage/fixture.h"

namespace lemma::storage {
namespace {

namespace fs = std::filesystem;

int errorOf(FileCall call) {
  switch (call) {
    case FileCall::open:
      return SQLITE_CANTOPEN;
    case FileCall::read:
      return SQLITE_IOERR_READ;
    case FileCall::write:
      return SQLITE_IOERR_WRITE;
    case FileCall::truncate:
      return SQLITE_IOERR_TRUNCATE;
    case FileCall::sync:
      return SQLITE_IOERR_FSYNC;
    case FileCall::lock:
      return SQLITE_IOERR_LOCK;
    case FileCall::shmMap:
      return SQLITE_IOERR_SHMMAP;
    case FileCall::remove:
      return SQLITE_IOERR_DELETE;
  }
  return SQLITE_IOERR;
}

template <class T>
Result<void> done(const Result<T>& result) {
  if (!result) return tl::unexpected(result.error());
  return {};
}

using Step = std::function<Result<void>(Store&)>;

struct Script {
  const char* name;
  std::function<void(const std::string&)> files;  // puts the database there; it does not exist yet
  Step before;                                    // undisturbed
  Step change;                                    // disturbed; nothing: opening itself is
};

class IoErrorTest : public ::testing::Test {
 protected:
  IoErrorTest() {
    // Everything is the same in every run, so that whole databases can be compared as text.
    auto at = [this] { return now_; };
    auto made = Store::open(path(), {.clock = at});
    EXPECT_TRUE(made) << made.error().what;
    const auto turn = [&made](const Sending& s, const char* answer) {
      const DraftDelta deltas[] = {{PartKind::think, "hm", 1, 1}, {PartKind::answer, answer, 1, 2}};
      EXPECT_TRUE(made->send(s) && made->appendDraft(s.answer, deltas) &&
                  made->seal({.message = s.answer, .state = MessageState::stopped}));
    };
    turn(first_, "a1");
    turn(second_, "a2");
    EXPECT_TRUE(made->create(binned_, "binned") && made->remove(binned_));
    EXPECT_TRUE(made->check());
    made = fail(Err::closed, "");
    clean_ = readFile(path());
    {  // as a kill leaves it: an answer streaming, all of it in the -wal
      auto live = Store::open(path(), {.clock = at});
      EXPECT_TRUE(live->send(third_) && live->appendDraft(third_.answer, kDeltas));
      crashed_ = readFile(path());
      crashedWal_ = readFile(path() + "-wal");
    }
    wipe();
  }

  std::string path() const { return folder_ / "lemma.db"; }
  void wipe() {
    for (const auto& entry : fs::directory_iterator(folder_.path())) fs::remove(entry.path());
  }
  Result<Store> open(const std::string& vfs = {}) {
    return Store::open(path(), {.clock = [this] { return now_; }, .vfs = vfs});
  }

  Sending sending(const char* words, bool fresh = false) {
    return {.conversation = conversation_,
            .newConversation = fresh,
            .question = ids_.message(),
            .answer = ids_.message(),
            .parts = {text(words)},
            .snapshot = someSnapshot()};
  }

  // Every row of every table, and the schema.
  std::string content() {
    auto db = Db::open(path(), OpenMode::readWrite);
    if (!db) return db.error().what;
    EXPECT_EQ(db->text("PRAGMA integrity_check").value_or("unreadable"), "ok");
    EXPECT_EQ(db->integer("SELECT count(*) FROM pragma_foreign_key_check").value_or(-1), 0);
    std::string out;
    const auto lines = [&db](const std::string& sql) {
      std::vector<std::string> found;
      auto rows = db->prepare(sql);
      while (rows && rows->step().value_or(false)) found.push_back(rows->text(0));
      return found;
    };
    for (const std::string& table : lines("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")) {
      out += "-- " + table + "\n";
      const auto columns =
          lines("SELECT group_concat('quote(' || name || ')', '||'',''||') FROM pragma_table_info('" + table + "')");
      for (const std::string& row : lines("SELECT " + columns.at(0) + " AS line FROM " + table + " ORDER BY line"))
        out += row + "\n";
    }
    return out;
  }

  struct Outcome {
    int calls = 0;  // on files, while disturbed
    bool acknowledged = false;
    std::string content;  // after it was opened again on a sound disk
  };

  // Runs the script with call number `failing` disturbed; 0: none.
  Outcome run(const Script& script, FaultVfs& vfs, int failing, bool forGood) {
    wipe();
    script.files(path());
    Outcome outcome;
    const auto disturb = [&] {
      vfs.judgeBy([&outcome, failing, forGood](FileCall call, const std::string&) {
        ++outcome.calls;
        const bool fails = failing > 0 && (forGood ? outcome.calls >= failing : outcome.calls == failing);
        return fails ? errorOf(call) : SQLITE_OK;
      });
    };
    {
      if (!script.change) disturb();
      auto store = open(vfs.name());
      std::optional<Error> error;
      if (!store) {
        error = store.error();
      } else if (script.change) {
        if (script.before) {
          const auto prepared = script.before(*store);
          EXPECT_TRUE(prepared) << prepared.error().what;
        }
        disturb();
        if (auto changed = script.change(*store); !changed) error = changed.error();
      }
      vfs.judgeBy({});
      outcome.acknowledged = !error;
      if (error) {
        EXPECT_NE(error->code, Err::internal) << error->what;
        EXPECT_NE(error->code, Err::damaged) << error->what;  // a failing disk is not a damaged file
        EXPECT_NE(error->what.find(path()), std::string::npos) << error->what;
      }
      if (store) probe(*store);  // the disk works again, and so does what is open
    }
    {  // and what is opened again
      auto again = open(vfs.name());
      EXPECT_TRUE(again) << again.error().what;
      if (again) probe(*again);
    }
    outcome.content = content();
    return outcome;
  }

  static void probe(Store& store) {
    const auto reads = store.conversations();
    EXPECT_TRUE(reads) << reads.error().what;
    const auto writes = store.setState("probe", R"({"version":1})");
    EXPECT_TRUE(writes) << writes.error().what;
  }

  const std::vector<DraftDelta> kDeltas = {{PartKind::think, "let me see", 3, 5},
                                           {PartKind::answer, std::string(9000, 'a'), 2000, 6}};
  TempFolder folder_{true};
  Millis now_ = 1'800'000'000'000;
  IdGenerator ids_{[this] { return now_; }};
  const ConversationId conversation_ = ids_.conversation(), other_ = ids_.conversation(), binned_ = ids_.conversation();
  const Sending first_ = sending("q1", true), second_ = sending("q2"), third_ = sending("q3");
  const MessageId fresh_ = ids_.message();
  std::string clean_, crashed_, crashedWal_;
};

TEST_F(IoErrorTest, everyCallOfEveryScript) {
  const auto clean = [this](const std::string& to) { writeFile(to, clean_); };
  const auto crashed = [this](const std::string& to) {
    writeFile(to, crashed_);
    writeFile(to + "-wal", crashedWal_);
  };
  const auto streaming = [this](Store& s) -> Result<void> {
    STORE_CHECK(done(s.send(third_)));
    return s.appendDraft(third_.answer, kDeltas);
  };
  Sending elsewhere = third_, edited = third_;
  elsewhere.conversation = other_;
  elsewhere.newConversation = true;
  edited.editOf = first_.question;
  const ModelRecord model{.id = "abc", .name = "Tiny", .architecture = "llama", .bytes = 5};
  const auto old = [](const std::string& to) {
    fs::copy_file(std::string(LEMMA_TESTS_DIR) + "/goldens/storage/schema-1000.db", to);
  };
  const std::vector<Script> scripts = {
      {"new database", [](const std::string&) {}, {}, {}},
      {"open", clean, {}, {}},
      {"open after a kill", crashed, {}, {}},
      {"migrate", old, {}, {}},
      {"send", clean, {}, [this](Store& s) { return done(s.send(third_)); }},
      {"send into a new conversation", clean, {}, [&](Store& s) { return done(s.send(elsewhere)); }},
      {"edit", clean, {}, [&](Store& s) { return done(s.send(edited)); }},
      {"regenerate",
       clean,
       {},
       [this](Store& s) { return done(s.regenerate(second_.answer, fresh_, someSnapshot())); }},
      {"resume", clean, {}, [this](Store& s) { return s.resume(second_.answer, someSnapshot()); }},
      {"draft", clean, [this](Store& s) { return done(s.send(third_)); },
       [this](Store& s) { return s.appendDraft(third_.answer, kDeltas); }},
      {"seal", clean, streaming,
       [this](Store& s) { return s.seal({.message = third_.answer, .extra = {text("more")}}); }},
      {"show a branch", clean, [this](Store& s) { return done(s.regenerate(second_.answer, fresh_, someSnapshot())); },
       [this](Store& s) { return done(s.showBranch(second_.answer)); }},
      {"remove a message", clean, {}, [this](Store& s) { return done(s.removeMessage(second_.question)); }},
      {"restore a message", clean, [this](Store& s) { return done(s.removeMessage(second_.question)); },
       [this](Store& s) { return done(s.restoreMessage(second_.question)); }},
      {"create", clean, {}, [this](Store& s) { return done(s.create(other_, "other")); }},
      {"rename", clean, {}, [this](Store& s) { return s.rename(conversation_, std::string(5000, 't'), true); }},
      {"remove and restore", clean, [this](Store& s) { return s.remove(conversation_); },
       [this](Store& s) { return s.restore(conversation_); }},
      {"empty the bin", clean, {}, [](Store& s) { return done(s.purgeBin(-1)); }},
      {"remember a model", clean, {}, [&](Store& s) { return s.rememberModel(model, "/m"); }},
      {"forget a model", clean, [&](Store& s) { return s.rememberModel(model, "/m"); },
       [](Store& s) { return s.forgetModel("abc"); }},
      {"a setting",
       clean,
       {},
       [](Store& s) { return s.setSetting(Store::Scope::person, "", "top_k", SettingValue(int64_t{1})); }},
      {"read everything",
       clean,
       {},
       [this](Store& s) -> Result<void> {
         STORE_CHECK(done(s.load(conversation_)));
         STORE_CHECK(done(s.models()));
         return s.check();
       }},
  };
  FaultVfs vfs("io-errors");
  int rounds = 0, refused = 0;
  for (const Script& script : scripts) {
    SCOPED_TRACE(script.name);
    const Outcome undisturbed = run(script, vfs, 0, false);
    ASSERT_TRUE(undisturbed.acknowledged);
    // What is there when the change fails wholly. Opening is finished by opening again, so there is only one end.
    Script without = script;
    without.change = [](Store&) { return Result<void>(); };
    const std::string before = run(without, vfs, 0, false).content;
    for (const bool forGood : {false, true}) {
      SCOPED_TRACE(forGood ? "for good" : "once");
      for (int failing = 1;; ++failing) {
        SCOPED_TRACE(failing);
        const Outcome outcome = run(script, vfs, failing, forGood);
        if (outcome.calls < failing) break;
        ++rounds;
        refused += !outcome.acknowledged;
        if (outcome.acknowledged) {
          EXPECT_EQ(outcome.content, undisturbed.content);
        } else {
          EXPECT_TRUE(outcome.content == before || outcome.content == undisturbed.content) << outcome.content;
        }
        if (HasFailure()) return;
      }
    }
  }
  std::printf("%zu scripts, %d calls failed, %d changes refused\n", scripts.size(), rounds, refused);
  EXPECT_GT(refused, rounds / 2);
}

}  // namespace
}  // namespace lemma::storage
