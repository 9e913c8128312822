#include "tests/storage_faults/scripts.h"

namespace lemma::storage {
namespace {

namespace fs = std::filesystem;

template <class T>
Result<void> done(const Result<T>& result) {
  if (!result) return tl::unexpected(result.error());
  return {};
}

void probe(Store& store) {
  const auto reads = store.conversations();
  EXPECT_TRUE(reads) << reads.error().what;
  const auto writes = store.setState("probe", R"({"version":1})");
  EXPECT_TRUE(writes) << writes.error().what;
}

}  // namespace

ScriptTest::ScriptTest() {
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

void ScriptTest::wipe() {
  for (const auto& entry : fs::directory_iterator(folder_.path())) fs::remove(entry.path());
}

Sending ScriptTest::sending(const char* words, bool fresh) {
  return {.conversation = conversation_,
          .newConversation = fresh,
          .question = ids_.message(),
          .answer = ids_.message(),
          .parts = {text(words)},
          .snapshot = someSnapshot()};
}

std::string ScriptTest::content() {
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

std::string ScriptTest::contentOpenedAgain() {
  {
    auto again = open();
    EXPECT_TRUE(again) << again.error().what;
  }
  return content();
}

ScriptTest::Outcome ScriptTest::run(const Script& script, Disturbance& disturbance, int failing, bool forGood) {
  wipe();
  script.files(path());
  Outcome outcome;
  {
    if (!script.change) disturbance.begin(failing, forGood);
    auto store = open(disturbance.vfs());
    std::optional<Error> error;
    if (!store) {
      error = store.error();
    } else if (script.change) {
      if (script.before) {
        const auto prepared = script.before(*store);
        EXPECT_TRUE(prepared) << prepared.error().what;
      }
      disturbance.begin(failing, forGood);
      if (auto changed = script.change(*store); !changed) error = changed.error();
    }
    outcome.calls = disturbance.end();
    outcome.acknowledged = !error;
    if (error) {
      EXPECT_TRUE(disturbance.mayFailWith(error->code)) << int(error->code) << ": " << error->what;
      EXPECT_NE(error->what.find(path()), std::string::npos) << error->what;
    }
    if (store) probe(*store);  // what is open works again
  }
  {  // and what is opened again
    auto again = open(disturbance.vfs());
    EXPECT_TRUE(again) << again.error().what;
    if (again) probe(*again);
  }
  outcome.content = content();
  return outcome;
}

std::vector<Script> ScriptTest::scripts() {
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
  return {
      {"new database", [](const std::string&) {}, {}, {}},
      {"open", clean, {}, {}},
      {"open after a kill", crashed, {}, {}},
      {"migrate", old, {}, {}},
      {"salvage",
       [this](const std::string& to) { writeFile(to, std::string(100, '\0') + clean_.substr(100)); },
       {},
       {}},
      {"send", clean, {}, [this](Store& s) { return done(s.send(third_)); }},
      {"send into a new conversation", clean, {}, [=](Store& s) { return done(s.send(elsewhere)); }},
      {"edit", clean, {}, [=](Store& s) { return done(s.send(edited)); }},
      {"regenerate",
       clean,
       {},
       [this](Store& s) { return done(s.regenerate(second_.answer, fresh_, someSnapshot())); }},
      {"resume", clean, {}, [this](Store& s) { return s.resume(second_.answer, someSnapshot()); }},
      {"draft", clean, [this](Store& s) { return done(s.send(third_)); },
       [this](Store& s) { return s.appendDraft(third_.answer, kDeltas); }},
      {"seal", clean, streaming,
       [this](Store& s) { return s.seal({.message = third_.answer, .extra = {text("more")}}); },
       [this](Store& s) { return done(s.send(third_)); }},
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
      {"remember a model", clean, {}, [=](Store& s) { return s.rememberModel(model, "/m"); }},
      {"forget a model", clean, [=](Store& s) { return s.rememberModel(model, "/m"); },
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
}

void ScriptTest::disturbEveryScript(Disturbance& disturbance, int stride) {
  int rounds = 0, refused = 0;
  const std::vector<Script> all = scripts();
  for (const Script& script : all) {
    SCOPED_TRACE(script.name);
    const Outcome undisturbed = run(script, disturbance, 0, false);
    ASSERT_TRUE(undisturbed.acknowledged);
    // What is there when the change fails wholly. Opening is finished by opening again, so there is only one end.
    Script without = script;
    without.change = [](Store&) { return Result<void>(); };
    const std::string before = run(without, disturbance, 0, false).content;
    for (const bool forGood : {false, true}) {
      SCOPED_TRACE(forGood ? "for good" : "once");
      for (int failing = 1;; failing += stride) {
        SCOPED_TRACE(failing);
        const Outcome outcome = run(script, disturbance, failing, forGood);
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
  std::printf("%zu scripts, %d calls failed, %d changes refused\n", all.size(), rounds, refused);
  EXPECT_GT(refused, rounds / 2);
}

}  // namespace lemma::storage
