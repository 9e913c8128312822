// Damaged databases: opened without a crash, the damaged files kept, and what lay on undamaged pages there again.
// Which row lies on which page is told by SQLite's own dbstat table over the sound file, not by the reader under test.
#include "storage/salvage/salvage.h"

#include <future>
#include <mutex>
#include <random>
#include <set>

#include "storage/storage_thread.h"
#include "tests/storage/fault_vfs.h"
#include "tests/storage/fixture.h"

namespace lemma::storage {
namespace {

namespace fs = std::filesystem;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kDamagedFiles = 200;  // slower by far
#else
constexpr int kDamagedFiles = 1000;
#endif
constexpr size_t kPage = 4096;

// A row as text, without what salvaging may change: what the row refers to.
using RowText = std::string;
struct PlacedRow {
  RowText text;
  std::set<int64_t> pages;  // its leaf and its overflow pages
};

const std::map<std::string, std::string> kRowTexts = {
    {"conversation", "quote(id)||quote(title)||title_by_person||created_at||updated_at||quote(deleted_at)"},
    {"message",
     "quote(id)||quote(conversation_id)||role||state||created_at||quote(finished_at)||quote(deleted_at)||"
     "quote(stop_reason)||quote(seed)||quote(snapshot)"},
    {"part", "id||quote(message_id)||seq||kind||mime||quote(text)||quote(json)||quote(tokens)||quote(ended_at)"},
    {"part_draft", "part_id||','||n||quote(text)"},
    {"model", "id||name||architecture||bytes||quote(json)||first_seen||last_used"},
    {"model_place", "model_id||path||last_seen||present"},
    {"setting", "scope||owner||key||value"},
    {"app_state", "key||json"},
};

std::vector<std::string> column(Db& db, const std::string& sql) {
  std::vector<std::string> out;
  auto rows = db.prepare(sql);
  if (!rows) ADD_FAILURE() << rows.error().what;
  while (rows && rows->step().value_or(false)) out.push_back(rows->text(0));
  return out;
}

std::vector<PlacedRow> placedRows(Db& db) {
  std::vector<PlacedRow> out;
  for (const auto& [table, text] : kRowTexts) {
    const bool rowids = table != "part_draft" && table != "setting" && table != "app_state";
    const auto texts = column(
        db, "SELECT '" + table + " '||" + text + " FROM " + table + (rowids ? " NOT INDEXED ORDER BY rowid" : ""));
    // Leaves in the order of their paths hold the rows in their order.
    auto pages =
        db.query("SELECT path, pageno, ncell FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path", table);
    if (!pages) {
      ADD_FAILURE() << pages.error().what;
      return out;
    }
    size_t next = 0;
    while (pages->step().value_or(false)) {
      for (int64_t cell = 0; cell < pages->integer(2) && next < texts.size(); ++cell) {
        PlacedRow row{table + texts[next++].substr(table.size()), {pages->integer(1)}};
        char prefix[16];
        std::snprintf(prefix, sizeof prefix, "%03x+", static_cast<unsigned>(cell));
        for (const std::string& page :
             column(db, "SELECT pageno FROM dbstat WHERE name = '" + table +
                            "' AND pagetype = 'overflow' AND path LIKE '" + pages->text(0) + prefix + "%'"))
          row.pages.insert(std::stoll(page));
        out.push_back(std::move(row));
      }
    }
    EXPECT_EQ(next, texts.size()) << table;  // a table WITHOUT ROWID of more than one page keeps rows above the leaves
  }
  return out;
}

std::set<RowText> rowsIn(const std::string& path) {
  std::set<RowText> out;
  auto db = Db::open(path, OpenMode::readWrite);
  if (!db) {
    ADD_FAILURE() << db.error().what;
    return out;
  }
  for (const auto& [table, text] : kRowTexts)
    for (std::string& row : column(*db, "SELECT '" + table + " '||" + text + " FROM " + table))
      out.insert(std::move(row));
  return out;
}

class SalvageTest : public StoreTest {
 protected:
  // Conversations with branches, long texts, a bin, drafts of a streaming answer, models and settings.
  void fill() {
    TAKE(store, open());
    std::mt19937_64 random(1);
    for (int c = 0; c < 12; ++c) {
      const auto conversation = ids_.conversation();
      for (int turns = 0; turns < 6; ++turns) {
        now_ += 1000;
        const Sending s = question("question " + std::to_string(c * 100 + turns), conversation, turns == 0);
        turn(store, s, std::string(random() % (turns == 3 ? 15'000 : 900), static_cast<char>('a' + c)));
        if (turns == 2) ASSERT_OK(store.regenerate(s.answer, ids_.message(), someSnapshot()));
        if (turns == 4 && c % 3 == 0) ASSERT_OK(store.removeMessage(s.question));
      }
      if (c == 5) ASSERT_OK(store.remove(conversation));
      if (c == 6) gone_ = conversation;
      ASSERT_OK(
          store.setSetting(Store::Scope::conversation, conversation.str(), "top_k", SettingValue(int64_t{c + 1})));
    }
    for (int m = 0; m < 5; ++m)
      ASSERT_OK(store.rememberModel({.id = "model" + std::to_string(m), .name = "Tiny", .architecture = "llama"},
                                    "/models/" + std::to_string(m)));
    ASSERT_OK(store.setState("window", R"({"version":1})"));
    ASSERT_OK(store.remove(gone_));
    TAKE(db, Db::open(path(), OpenMode::readWrite));
    ASSERT_OK(db.run("PRAGMA foreign_keys=ON"));
    ASSERT_OK(db.run("DELETE FROM conversation WHERE id = ?", gone_));  // leaves free pages behind
    const Sending last = question("the last question", ids_.conversation(), true);
    ASSERT_OK(store.send(last));
    const DraftDelta deltas[] = {{PartKind::think, "not yet ", 1, now_}, {PartKind::answer, "sealed", 1, now_}};
    ASSERT_OK(store.appendDraft(last.answer, deltas));
    streaming_ = last.answer;
  }
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(fill());
    TAKE(db, Db::open(path(), OpenMode::readWrite));
    ASSERT_OK(db.exec("PRAGMA wal_checkpoint(TRUNCATE)"));
    rows_ = placedRows(db);
    ASSERT_GT(rows_.size(), 300u);
  }
  Result<Store> openSalvaging(const std::string& path, bool keepStreaming = false) {
    return Store::open(path, {.clock = [this] { return now_; }, .salvage = true, .keepStreaming = keepStreaming});
  }

  ConversationId gone_;
  MessageId streaming_;
  std::vector<PlacedRow> rows_;
};

// What was done to a file: its pages, and what lies beside it.
struct Damage {
  std::string name, bytes, wal;
  std::set<int64_t> pages;
};

Damage damage(std::mt19937_64& random, const std::string& sound, const std::string& foreignWal) {
  Damage d{.name = "", .bytes = sound, .wal = "", .pages = {}};
  const auto overwrite = [&](size_t at, size_t length, bool zero) {
    length = std::min(length, sound.size() - at);
    for (size_t i = at; i < at + length; ++i) {
      d.bytes[i] = zero ? '\0' : static_cast<char>(d.bytes[i] ^ (1 + random() % 255));
      d.pages.insert(static_cast<int64_t>(i / kPage) + 1);
    }
  };
  const size_t pages = sound.size() / kPage;
  switch (random() % 8) {
    case 0:
      d.name = "one byte";
      overwrite(random() % sound.size(), 1, false);
      break;
    case 1:
      d.name = "sixteen bytes";
      overwrite(random() % sound.size(), 16, false);
      break;
    case 2:
      d.name = "a page of noise";
      overwrite(random() % pages * kPage, kPage, false);
      break;
    case 3:
      d.name = "a page of zeros";
      overwrite(random() % pages * kPage, kPage, true);
      break;
    case 4: {
      d.name = "a tail cut off";
      const size_t left = sound.size() / 4 + random() % (sound.size() * 3 / 4);
      d.bytes.resize(left);
      for (size_t n = left / kPage; n < pages; ++n) d.pages.insert(static_cast<int64_t>(n) + 1);
      break;
    }
    case 5:
      d.name = "a zeroed header";
      overwrite(0, random() % 2 ? 100 : 16 + random() % 200, true);
      break;
    case 6:
      d.name = "another database's -wal";
      d.wal = foreignWal;
      for (size_t at = 32; at + 24 <= foreignWal.size(); at += 24 + kPage) {
        int64_t number = 0;
        for (size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<uint8_t>(foreignWal[at + i]);
        d.pages.insert(number);
      }
      break;
    default:
      d.name = "noise for a -wal";
      for (size_t i = random() % 20'000; i > 0; --i) d.wal += static_cast<char>(random());
      break;
  }
  return d;
}

}  // namespace

TEST_F(SalvageTest, damagedDatabasesGiveBackWhatTheirSoundPagesHold) {
  const std::string sound = readFile(path());
  std::string foreignWal;
  {
    TempFolder other;
    TAKE(store, Store::open(other / "lemma.db"));
    turn(store, question("somebody else's", ids_.conversation(), true), std::string(2000, 'z'));
    foreignWal = readFile(other / "lemma.db-wal");
    ASSERT_GT(foreignWal.size(), 3 * kPage);
  }
  std::mt19937_64 random(20261126);
  struct Count {
    int files = 0, salvaged = 0;
    int64_t rows = 0, there = 0;
  };
  std::map<std::string, Count> counts;
  Count all;
  double worst = 1;
  for (int round = 0; round < kDamagedFiles * timesAsMuch(); ++round) {
    const Damage d = damage(random, sound, foreignWal);
    SCOPED_TRACE(d.name + ", round " + std::to_string(round));
    TempFolder folder(true);
    const std::string file = folder / "lemma.db";
    writeFile(file, d.bytes);
    if (!d.wal.empty()) writeFile(file + "-wal", d.wal);
    bool salvaged = false;
    {
      auto store = openSalvaging(file, true);
      ASSERT_TRUE(store) << store.error().what;
      EXPECT_FALSE(store->report().readOnly);
      if (const auto& report = store->report().salvaged) {
        salvaged = true;
        EXPECT_EQ(readFile(report->kept), d.bytes);
        if (!d.wal.empty()) {
          EXPECT_EQ(readFile(report->kept + "-wal"), d.wal);
        }
        TAKE(list, store->conversations());
        EXPECT_EQ(int64_t(list.size()), report->conversations);
        for (const Conversation& conversation : list) ASSERT_OK(store->load(conversation.id));
      }
      ASSERT_OK(store->send(question("life goes on", ids_.conversation(), true)));
      ASSERT_OK(store->check());
    }
    EXPECT_FALSE(fs::exists(file + ".salvage.tmp") || fs::exists(file + ".salvaged"));
    const std::set<RowText> there = rowsIn(file);
    Count& count = counts[d.name];
    Count now{1, salvaged, 0, 0};
    for (const PlacedRow& row : rows_) {
      if (std::any_of(row.pages.begin(), row.pages.end(), [&](int64_t page) { return d.pages.contains(page); }))
        continue;
      ++now.rows;
      now.there += there.contains(row.text);
    }
    if (now.rows > 0) worst = std::min(worst, double(now.there) / double(now.rows));
    for (Count* sum : {&count, &all}) {
      sum->files += now.files;
      sum->salvaged += now.salvaged;
      sum->rows += now.rows;
      sum->there += now.there;
    }
    if (HasFailure()) return;
  }
  for (const auto& [name, c] : counts)
    std::printf("%s: %d files, %d salvaged, %.3f %% of the rows on undamaged pages\n", name.c_str(), c.files,
                c.salvaged, 100.0 * double(c.there) / double(std::max<int64_t>(c.rows, 1)));
  std::printf("%d files, %d salvaged, %lld of %lld rows on undamaged pages (%.3f %%, at worst %.2f %%)\n", all.files,
              all.salvaged, static_cast<long long>(all.there), static_cast<long long>(all.rows),
              100.0 * double(all.there) / double(all.rows), 100 * worst);
  EXPECT_GE(double(all.there), 0.99 * double(all.rows));
  EXPECT_GT(all.salvaged, all.files / 2);
}

// Killed at any step of the exchange, the next start ends it.
TEST_F(SalvageTest, aRepairThatWasKilledIsFinished) {
  const std::string damaged = std::string(100, '\0') + readFile(path()).substr(100);
  writeFile(path(), damaged);
  std::string kept;
  {
    TAKE(store, openSalvaging(path()));
    ASSERT_TRUE(store.report().salvaged);
    kept = store.report().salvaged->kept;
  }
  const std::string repaired = readFile(path());
  struct Case {
    const char* name;
    bool half, whole, log;  // a half new database, a whole one, and the old log lie there
  };
  for (const Case& c :
       {Case{"half", true, false, true}, Case{"whole", false, true, true}, Case{"logless", false, true, false}}) {
    SCOPED_TRACE(c.name);
    TempFolder folder;
    const std::string file = folder / "lemma.db";
    writeFile(file, damaged);
    if (c.half) writeFile(file + ".salvage.tmp", repaired.substr(0, repaired.size() / 2));
    if (c.whole) writeFile(file + ".salvaged", repaired);
    if (c.log) writeFile(file + "-wal", "noise");
    {
      TAKE(store, openSalvaging(file));
      EXPECT_EQ(store.report().salvaged.has_value(), c.half);
      ASSERT_OK(store.check());
    }
    EXPECT_EQ(rowsIn(file), rowsIn(path()));
    EXPECT_FALSE(fs::exists(file + ".salvage.tmp") || fs::exists(file + ".salvaged"));
  }
}

TEST_F(SalvageTest, whatLostItsMessageOrConversationIsShownAgain) {
  size_t before = 0;
  {
    TAKE(store, openSalvaging(path()));
    TAKE(list, store.conversations());
    before = list.size();
  }
  {
    TAKE(db, Db::open(path(), OpenMode::readWrite));
    ASSERT_OK(
        db.exec("PRAGMA foreign_keys=OFF; DELETE FROM message WHERE rowid % 3 = 0;"
                "DELETE FROM conversation WHERE rowid % 3 = 0"));
  }
  {  // a zeroed header makes it damaged
    std::string bytes = readFile(path());
    writeFile(path(), std::string(16, '\0') + bytes.substr(16));
  }
  TAKE(store, openSalvaging(path()));
  ASSERT_TRUE(store.report().salvaged);
  ASSERT_OK(store.check());
  TAKE(found, store.conversations());
  EXPECT_GE(found.size(), before);
  for (const Conversation& conversation : found) {
    TAKE(thread, store.load(conversation.id));
    EXPECT_FALSE(thread.messages.empty());
    for (const Message& m : thread.messages) EXPECT_EQ(m.conversation, conversation.id);
  }
}

// Damage that shows in mid-answer: the thread repairs, and the answer goes on into the new database.
TEST_F(SalvageTest, damageMetInUseIsRepairedAndTheAnswerGoesOn) {
  for (const bool onDisk : {true, false}) {
    SCOPED_TRACE(onDisk);
    FaultVfs vfs("damage-in-use");
    std::mutex mutex;
    std::vector<Result<OpenReport>> reports;
    const Sending s = question("and now", ids_.conversation(), true);
    const Sending large =
        question(std::string(6'000'000, 'l'), ids_.conversation(), true);  // more than SQLite remembers
    {
      TAKE(store, open());
      turn(store, large, "a");
    }
    {
      StorageThread thread(
          {.path = path(), .store = {.clock = [this] { return now_; }, .vfs = vfs.name(), .salvage = true}},
          [](std::function<void()> task) { task(); },
          {.opened =
               [&](Result<OpenReport> report) {
                 std::lock_guard lock(mutex);
                 reports.push_back(std::move(report));
               },
           .draftTrouble = {}});
      const auto wait = [&thread](auto work) {
        std::promise<Result<void>> answer;
        thread.call(
            [work](Store& store) -> Result<void> {
              auto result = work(store);
              if (!result) return tl::unexpected(result.error());
              return {};
            },
            [&answer](Result<void> result) { answer.set_value(std::move(result)); });
        return answer.get_future().get();
      };
      ASSERT_OK(wait([&s](Store& store) { return store.send(s); }));
      thread.appendDraft(s.answer, PartKind::answer, "before ", 1);
      if (onDisk) {
        std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(20 * kPage));
        file << std::string(kPage, '\x55');
      }
      vfs.judgeBy(
          [](FileCall call, const std::string&) { return call == FileCall::read ? SQLITE_CORRUPT : SQLITE_OK; });
      const auto met = wait([&large](Store& store) { return store.load(large.conversation); });
      vfs.judgeBy({});
      EXPECT_FALSE(met);
      thread.appendDraft(s.answer, PartKind::answer, "after", 1);
      std::promise<Result<void>> sealed;
      thread.seal({.message = s.answer}, [&sealed](Result<void> result) { sealed.set_value(std::move(result)); });
      ASSERT_OK(sealed.get_future().get());
      ASSERT_OK(wait([&s](Store& store) { return store.rename(s.conversation, "renamed", true); }));
    }
    std::lock_guard lock(mutex);
    ASSERT_GE(reports.size(), 2u);
    ASSERT_OK(reports.back());
    EXPECT_EQ(reports.back()->salvaged.has_value(), onDisk);
    TAKE(store, open());
    TAKE(all, store.load(s.conversation));
    EXPECT_EQ(all.conversation.title, "renamed");
    ASSERT_EQ(all.messages.size(), 2u);
    EXPECT_EQ(all.messages[1].state, MessageState::complete);
    ASSERT_EQ(all.messages[1].parts.size(), 1u);
    EXPECT_EQ(all.messages[1].parts[0].text, "before after");
  }
}

}  // namespace lemma::storage
