// Folders and files as they go wrong: what may not be written, what is gone, what is damaged.
#include <unistd.h>

#include <random>

#include "tests/storage/fault_vfs.h"
#include "tests/storage/fixture.h"

namespace lemma::storage {
namespace {

namespace fs = std::filesystem;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;  // slower by far: fewer rounds
#else
constexpr bool kSanitized = false;
#endif

// Permissions bind everyone but root: where the tests run as root, this scope acts as nobody.
class AsNobody {
 public:
  AsNobody() {
    if (::geteuid() == 0) switched_ = ::seteuid(65534) == 0;
  }
  ~AsNobody() {
    if (switched_) (void)!::seteuid(0);
  }

 private:
  bool switched_ = false;
};

class FaultTest : public StoreTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(fill());
    if (::geteuid() != 0) return;
    ASSERT_EQ(::chown(folder_.path().c_str(), 65534, 65534), 0);
    ASSERT_EQ(::chown(path().c_str(), 65534, 65534), 0);
  }
  void TearDown() override { fs::permissions(folder_.path(), fs::perms::owner_all); }

  void fill() {
    TAKE(store, open());
    turn(store, question("q1", conversation_, true), "a1");
    turn(store, question("q2", conversation_), "a2");
  }
  // The files as a crash leaves them: with the last changes only in the -wal.
  void crash(bool keepShm = false) {
    TempFolder other;
    {
      TAKE(store, Store::open(path()));
      ASSERT_OK(store.rename(conversation_, "after the last checkpoint", true));
      for (const char* suffix : {"", "-wal", "-shm"}) fs::copy_file(path() + suffix, other / "lemma.db" + suffix);
    }
    for (const char* suffix : {"", "-wal", "-shm"}) {
      if (suffix == std::string("-shm") && !keepShm) continue;
      fs::copy_file(other / "lemma.db" + suffix, path() + suffix, fs::copy_options::overwrite_existing);
      if (::geteuid() == 0) {
        ASSERT_EQ(::chown((path() + suffix).c_str(), 65534, 65534), 0);
      }
    }
    ASSERT_GT(fs::file_size(path() + "-wal"), 0u);
  }
  void readsButDoesNotWrite() {
    auto before = filesIn(folder_.path());
    {
      TAKE(store, open());
      EXPECT_TRUE(store.report().readOnly);
      EXPECT_NE(store.report().notice.find("may not be written"), std::string::npos);
      TAKE(list, store.conversations());
      EXPECT_EQ(list.size(), 1u);
      TAKE(thread, store.load(conversation_));
      EXPECT_EQ(thread.messages.size(), 4u);
      EXPECT_EQ(store.send(question("q3", conversation_)).error().code, Err::readOnly);
      EXPECT_EQ(store.rename(conversation_, "x", true).error().code, Err::readOnly);
    }
    auto after = filesIn(folder_.path());
    before.erase("lemma.db-shm");  // an index of the -wal, not content
    after.erase("lemma.db-shm");
    EXPECT_EQ(after, before);
  }

  const ConversationId conversation_ = ids_.conversation();
};

}  // namespace

TEST_F(FaultTest, aReadOnlyFolderIsRead) {
  fs::permissions(folder_.path(), fs::perms::owner_read | fs::perms::owner_exec);
  AsNobody nobody;
  readsButDoesNotWrite();
}

TEST_F(FaultTest, aReadOnlyFileIsRead) {
  fs::permissions(path(), fs::perms::owner_read);
  AsNobody nobody;
  readsButDoesNotWrite();
}

TEST_F(FaultTest, aReadOnlyFileIsReadWithItsWal) {
  crash();
  fs::permissions(path(), fs::perms::owner_read);
  AsNobody nobody;
  readsButDoesNotWrite();
  TAKE(store, open());
  TAKE(thread, store.load(conversation_));
  EXPECT_EQ(thread.conversation.title, "after the last checkpoint");
}

// Without its -shm a -wal can only be read where one may be made: an error then, never the state without the -wal.
TEST_F(FaultTest, aReadOnlyFolderAfterACrashIsReadOrRefused) {
  for (const bool keepShm : {false, true}) {
    fs::permissions(folder_.path(), fs::perms::owner_all);
    fs::remove(path() + "-shm");
    crash(keepShm);
    const auto before = filesIn(folder_.path());
    fs::permissions(folder_.path(), fs::perms::owner_read | fs::perms::owner_exec);
    AsNobody nobody;
    auto store = open();
    if (store) {
      EXPECT_TRUE(store->report().readOnly);
      TAKE(thread, store->load(conversation_));
      EXPECT_EQ(thread.conversation.title, "after the last checkpoint");
    } else {
      EXPECT_TRUE(store.error().code == Err::io || store.error().code == Err::readOnly) << store.error().what;
      EXPECT_NE(store.error().what.find(path()), std::string::npos);
    }
    store = fail(Err::closed, "");
    auto after = filesIn(folder_.path());
    EXPECT_EQ(after.at("lemma.db"), before.at("lemma.db"));
    EXPECT_EQ(after.at("lemma.db-wal"), before.at("lemma.db-wal"));
  }
}

TEST_F(FaultTest, aFolderThatMayNotBeUsedSaysSo) {
  fs::permissions(folder_.path(), fs::perms::none);
  AsNobody nobody;
  const auto store = open();
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().what.find(folder_.path()), std::string::npos) << store.error().what;
}

TEST_F(FaultTest, nothingIsMadeWhereNothingMayBe) {
  EXPECT_EQ(Store::open(folder_ / "no/lemma.db").error().code, Err::notFound);
  EXPECT_FALSE(fs::exists(folder_ / "no"));
  fs::create_directory(folder_ / "dir");
  EXPECT_EQ(Store::open(folder_ / "dir").error().code, Err::notOurs);
  EXPECT_EQ(Store::open(std::string("a\0b", 3)).error().code, Err::badValue);
  fs::permissions(folder_.path(), fs::perms::owner_read | fs::perms::owner_exec);
  AsNobody nobody;
  EXPECT_EQ(Store::open(folder_ / "second.db").error().code, Err::readOnly);
  EXPECT_FALSE(fs::exists(folder_ / "second.db"));
}

// The main file is gone but its -wal is there: an empty database in its place would hide what happened.
TEST_F(FaultTest, aWalWithoutItsDatabaseIsNotReplaced) {
  crash();
  for (const bool empty : {false, true}) {
    fs::remove(path());
    if (empty) writeFile(path(), "");
    const auto before = filesIn(folder_.path());
    EXPECT_EQ(open().error().code, Err::damaged);
    EXPECT_EQ(filesIn(folder_.path()), before);
  }
}

TEST_F(FaultTest, aMissingWalOpensWhatTheDatabaseHolds) {
  crash();
  fs::remove(path() + "-wal");
  TAKE(store, open());
  TAKE(thread, store.load(conversation_));
  EXPECT_EQ(thread.messages.size(), 4u);
  EXPECT_NE(thread.conversation.title, "after the last checkpoint");
}

TEST_F(FaultTest, aDatabaseMovedAwayIsNotWrittenInto) {
  TAKE(store, open());
  fs::rename(path(), folder_ / "elsewhere.db");
  const auto lost = store.send(question("q3", conversation_));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Err::moved);
  EXPECT_FALSE(fs::exists(path()));
  fs::rename(folder_ / "elsewhere.db", path());  // brought back: goes on
  ASSERT_OK(store.send(question("q3", conversation_)));
}

TEST_F(FaultTest, aDamagedHeaderIsRefusedUntouched) {
  const std::string sound = readFile(path());
  const std::pair<const char*, std::string> cases[] = {
      {"zeroed header", std::string(100, '\0') + sound.substr(100)},
      {"zeroed first page", std::string(4096, '\0') + sound.substr(4096)},
      {"another magic", "SQLite format 2" + sound.substr(15)},
      {"text", std::string(20'000, 'x')},
      {"half the file", sound.substr(0, sound.size() / 2)},
      {"one page", sound.substr(0, 4096)},
      {"one byte", sound.substr(0, 1)},
      {"page size 3", std::string(sound).replace(16, 2, std::string("\0\3", 2))},
      {"zeroed tail", sound.substr(0, 8192) + std::string(sound.size() - 8192, '\0')},
  };
  for (const auto& [name, bytes] : cases) {
    writeFile(path(), bytes);
    const auto before = filesIn(folder_.path());
    const auto store = open();
    ASSERT_FALSE(store) << name;
    EXPECT_TRUE(store.error().code == Err::damaged || store.error().code == Err::notOurs)
        << name << ": " << store.error().what;
    EXPECT_NE(store.error().what.find(path()), std::string::npos) << name << ": " << store.error().what;
    EXPECT_EQ(filesIn(folder_.path()), before) << name;
  }
}

TEST_F(FaultTest, aDamagedDatabaseThatMayNotBeWrittenIsLeftAsItIs) {
  writeFile(path(), std::string(100, '\0') + readFile(path()).substr(100));
  const auto before = filesIn(folder_.path());
  fs::permissions(folder_.path(), fs::perms::owner_read | fs::perms::owner_exec);
  {
    AsNobody nobody;
    const auto refused = Store::open(path(), {.salvage = true});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("is damaged"), std::string::npos) << refused.error().what;
    EXPECT_NE(refused.error().what.find("could not be repaired"), std::string::npos) << refused.error().what;
  }
  EXPECT_EQ(filesIn(folder_.path()), before);
}

// Random damage: either it is found and the files stay as they are, or what is read makes sense; never a crash.
TEST_F(FaultTest, randomDamageNeverCrashesAndIsNeverWrittenOver) {
  const std::string sound = readFile(path());
  std::mt19937_64 random(7);
  int found = 0;
  for (int round = 0; round < (kSanitized ? 60 : 300); ++round) {
    std::string bytes = sound;
    const size_t at = random() % bytes.size();
    const size_t length = std::min<size_t>(round % 3 == 0 ? 1 : round % 3 == 1 ? 16 : 4096, bytes.size() - at);
    for (size_t i = 0; i < length; ++i) bytes[at + i] = static_cast<char>(random());
    writeFile(path(), bytes);
    {
      auto store = open();
      if (!store) {
        ++found;
        EXPECT_EQ(filesIn(folder_.path()), (std::map<std::string, std::string>{{"lemma.db", bytes}})) << round;
        continue;
      }
      (void)store->load(conversation_);
      (void)store->conversations();
      (void)store->models();
      (void)store->send(question("q", conversation_));
    }
    for (const char* suffix : {"-wal", "-shm"}) fs::remove(path() + suffix);
  }
  EXPECT_GT(found, 10);
}

// Damage that only shows later: from its first sign on nothing is written.
TEST_F(FaultTest, damageSeenWhileRunningEndsAllWriting) {
  const auto large = ids_.conversation();  // more than SQLite remembers from looking for damage
  {
    TAKE(store, open());
    turn(store, question(std::string(6'000'000, 'l'), large, true), "a");
  }
  FaultVfs vfs("damage-later");
  TAKE(store, Store::open(path(), {.clock = [this] { return now_; }, .vfs = vfs.name()}));
  vfs.judgeBy([](FileCall call, const std::string&) { return call == FileCall::read ? SQLITE_CORRUPT : SQLITE_OK; });
  ASSERT_FALSE(store.load(large));
  vfs.judgeBy({});
  EXPECT_EQ(store.rename(conversation_, "x", true).error().code, Err::damaged);
}

// A ring of parents, as no call can make it: reading ends, with the sentence.
TEST_F(FaultTest, messagesThatFollowThemselvesEndInAnError) {
  {
    TAKE(db, Db::open(path(), OpenMode::readWrite));
    ASSERT_OK(
        db.exec("UPDATE message SET parent_id = (SELECT current_leaf FROM conversation) WHERE parent_id IS NULL"));
  }
  TAKE(store, open());
  EXPECT_EQ(store.load(conversation_).error().code, Err::damaged);
}

TEST_F(FaultTest, aFullDiskUndoesTheWholeSend) {
  FaultVfs vfs("full-send");
  TAKE(store, Store::open(path(), {.clock = [this] { return now_; }, .vfs = vfs.name()}));
  TAKE(before, store.load(conversation_));
  int left = 0;
  vfs.judgeBy([&left](FileCall call, const std::string&) {
    return call == FileCall::write && left-- <= 0 ? SQLITE_FULL : SQLITE_OK;
  });
  int refused = 0;
  for (int room = 0;; ++room) {  // one more write succeeds each time, until all do
    left = room;
    const auto sent = store.send(question("q3", conversation_));
    left = 1 << 20;
    if (sent) break;
    ++refused;
    EXPECT_EQ(sent.error().code, Err::diskFull) << sent.error().what;
    TAKE(after, store.load(conversation_));
    EXPECT_EQ(after, before);
  }
  EXPECT_GT(refused, 3);
  EXPECT_TRUE(store.check());
  TAKE(after, store.load(conversation_));
  EXPECT_EQ(after.messages.size(), 6u);
}

TEST_F(FaultTest, tenThousandMessagesOpenQuickly) {
  const int count = kSanitized ? 500 : 10'000;
  const auto limit = std::chrono::seconds(1);
  const auto big = ids_.conversation();
  {
    TAKE(db, Db::open(path(), OpenMode::readWrite));
    TAKE(transaction, Transaction::begin(db));
    ASSERT_OK(db.run("INSERT INTO conversation(id, title, created_at, updated_at) VALUES(?, 'big', 1, 2)", big));
    std::optional<MessageId> parent;
    for (int i = 0; i < count; ++i) {
      const auto id = ids_.message();
      ASSERT_OK(
          db.run("INSERT INTO message(id, conversation_id, parent_id, role, state, created_at, snapshot)"
                 " VALUES(?, ?, ?, ?, 'complete', ?, ?)",
                 id, big, parent, i % 2 ? "assistant" : "user", i, toJson(someSnapshot())));
      for (int seq = 0; seq < 1 + i % 2; ++seq)
        ASSERT_OK(db.run("INSERT INTO part(message_id, seq, kind, mime, text) VALUES(?, ?, ?, 'text/plain', ?)", id,
                         seq, seq ? "think" : "answer", std::string(500, 'x')));
      parent = id;
    }
    ASSERT_OK(db.run("UPDATE conversation SET current_leaf = ? WHERE id = ?", parent, big));
    ASSERT_OK(transaction.commit());
  }
  const auto began = std::chrono::steady_clock::now();
  TAKE(store, open());
  TAKE(list, store.conversations());
  const auto opened = std::chrono::steady_clock::now();
  EXPECT_EQ(list.size(), 2u);
  TAKE(thread, store.load(big));
  const auto loaded = std::chrono::steady_clock::now();
  EXPECT_EQ(thread.messages.size(), size_t(count));
  EXPECT_LT(opened - began, limit);
  EXPECT_LT(loaded - opened, limit);
  using std::chrono::duration_cast, std::chrono::milliseconds;
  RecordProperty("open_ms", static_cast<int>(duration_cast<milliseconds>(opened - began).count()));
  RecordProperty("load_ms", static_cast<int>(duration_cast<milliseconds>(loaded - opened).count()));
  std::printf("%d messages, %.1f MB: open and list %lld ms, load %lld ms\n", count, double(fs::file_size(path())) / 1e6,
              static_cast<long long>(duration_cast<milliseconds>(opened - began).count()),
              static_cast<long long>(duration_cast<milliseconds>(loaded - opened).count()));
  // A chain this long also goes for good in one piece.
  ASSERT_OK(store.removeMessage(thread.messages[1].id));
  now_ += Store::kBinAge + 1;
  TAKE(purged, store.purgeBin(Store::kBinAge));
  EXPECT_EQ(purged, count - 1);
  ASSERT_OK(store.remove(big));
  now_ += Store::kBinAge + 1;
  ASSERT_OK(store.purgeBin(Store::kBinAge));
  EXPECT_TRUE(store.check());
}

}  // namespace lemma::storage
