// SIGKILL at random moments: what was acknowledged is there, what was handed over half a second before too.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "storage/names.h"
#include "tests/storage/fixture.h"
#include "tests/storage_kill/pattern.h"

namespace lemma::storage {
namespace {

using namespace std::chrono_literals;

constexpr Millis kDraftLoss = 500;
constexpr int kWriterKills = 820, kMigrationKills = 180;

// Runs the victim, kills it after `life` and returns all it said; `killed` is the time just before.
std::string runAndKill(const std::string& database, const std::string& argument, std::chrono::microseconds life,
                       Millis& killed) {
  int out[2];
  if (::pipe2(out, O_CLOEXEC) != 0) return "error pipe";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  std::string program = LEMMA_VICTIM, path = database, how = argument;
  char* const argv[] = {program.data(), path.data(), how.data(), nullptr};
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, program.c_str(), &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  if (failed != 0) {
    ::close(out[0]);
    return "error spawn";
  }
  std::string said;
  // Reads along, so that a full pipe never holds the victim up.
  std::thread reader([&said, fd = out[0]] {
    char buffer[65536];
    for (ssize_t got; (got = ::read(fd, buffer, sizeof buffer)) > 0;) said.append(buffer, static_cast<size_t>(got));
  });
  const auto end = std::chrono::steady_clock::now() + life;
  bool ended = false;  // by itself, before its time
  while (!ended && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(
        std::min<std::chrono::steady_clock::duration>(end - std::chrono::steady_clock::now(), 1ms));
    ended = ::waitpid(child, nullptr, WNOHANG) == child;
  }
  killed = utcNow();
  if (!ended) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  reader.join();
  ::close(out[0]);
  return said;
}

struct Draft {
  size_t think = 0, text = 0;        // bytes that must be there at least
  size_t thinkAll = 0, textAll = 0;  // bytes that were handed over at most
  std::optional<MessageState> sealed;
  bool operator==(const Draft&) const = default;
};

// Everything that was acknowledged so far.
struct Ledger {
  std::map<MessageId, MessageId> answers;  // answer -> question
  std::map<MessageId, Draft> drafts;
  std::map<ConversationId, std::string> titles;
  std::map<ConversationId, bool> removed;
  int lines = 0;

  void read(const std::string& said, Millis killed) {
    std::istringstream lines_in(said.substr(0, said.rfind('\n') + 1));
    for (std::string line; std::getline(lines_in, line);) {
      ++lines;
      std::istringstream in(line);
      std::string what, id;
      in >> what >> id;
      if (what == "sent") {
        std::string question, answer;
        in >> question >> answer;
        answers[*MessageId::parse(answer)] = *MessageId::parse(question);
        drafts[*MessageId::parse(answer)];
      } else if (what == "draft") {
        Draft& draft = drafts[*MessageId::parse(id)];
        Millis at = 0;
        in >> draft.thinkAll >> draft.textAll >> at;
        if (at + kDraftLoss <= killed) {
          draft.think = draft.thinkAll;
          draft.text = draft.textAll;
        }
      } else if (what == "sealed") {
        std::string state;
        Draft& draft = drafts[*MessageId::parse(id)];
        in >> state >> draft.think >> draft.text;
        draft.sealed = named<MessageState>(kStateNames, state);
      } else if (what == "title") {
        in >> titles[*ConversationId::parse(id)];
      } else if (what == "removed" || what == "restored") {
        removed[*ConversationId::parse(id)] = what == "removed";
      } else {
        ADD_FAILURE() << line;
      }
    }
  }
};

void compare(Db& db, const Ledger& ledger, std::set<MessageId>& checked) {
  for (const auto& [answer, question] : ledger.answers) {
    if (checked.contains(answer)) continue;
    auto row = db.query(
        "SELECT a.state, (SELECT text FROM part WHERE message_id = a.id AND kind = 'think'),"
        " (SELECT text FROM part WHERE message_id = a.id AND kind = 'answer'),"
        " (SELECT text FROM part WHERE message_id = a.parent_id), a.parent_id FROM message a WHERE a.id = ?",
        answer);
    ASSERT_OK(row);
    auto there = row->step();
    ASSERT_OK(there);
    ASSERT_TRUE(*there) << "lost: " << answer.str();
    EXPECT_EQ(row->uuid(4), std::optional<Uuid>(question));
    EXPECT_EQ(row->text(3), question.str());
    const Draft& want = ledger.drafts.at(answer);
    const std::string think = row->text(1), text = row->text(2);
    EXPECT_GE(think.size(), want.think) << answer.str();
    EXPECT_GE(text.size(), want.text) << answer.str();
    EXPECT_EQ(think, pattern(0, think.size()));
    EXPECT_EQ(text, pattern(0, text.size()));
    if (want.sealed) {
      EXPECT_EQ(row->text(0), name(*want.sealed));
      EXPECT_EQ(think.size(), want.think);
      EXPECT_EQ(text.size(), want.text);
    } else {
      EXPECT_NE(row->text(0), "streaming");
    }
    checked.insert(answer);
  }
}

// The writer does one thing at a time, so at most one change can be on the disk whose line was cut off. What is found
// becomes the truth for the runs that follow: they never touch these conversations again.
void compareConversations(Db& db, Ledger& ledger) {
  int ahead = 0;
  for (auto& [id, title] : ledger.titles) {
    TAKE(now, db.text("SELECT title FROM conversation WHERE id = ?", id));
    ahead += now != title;
    title = now;
  }
  for (auto& [id, removed] : ledger.removed) {
    TAKE(now, db.integer("SELECT deleted_at IS NOT NULL FROM conversation WHERE id = ?", id));
    ahead += (now != 0) != removed;
    removed = now != 0;
  }
  EXPECT_LE(ahead, 1);
}

struct Sum {
  std::atomic<int> kills = 0, lines = 0, answers = 0, interrupted = 0;
};

// One writer after the other in one folder.
void killWriters(uint64_t seed, int kills, Sum& sum) {
  TempFolder folder;
  const std::string path = folder / "lemma.db";
  std::mt19937_64 random(seed);
  Ledger ledger;
  std::set<MessageId> checked;
  int interrupted = 0;
  for (int kill = 0; kill < kills; ++kill) {
    SCOPED_TRACE(kill);
    // Some early, in the middle of opening; some late enough for a draft to be half a second old.
    const auto life = std::chrono::microseconds(kill % 4 == 0   ? random() % 60'000
                                                : kill % 4 == 1 ? random() % 1'500'000
                                                                : random() % 500'000);
    Millis killed = 0;
    const std::string said = runAndKill(path, std::to_string(random()), life, killed);
    ledger.read(said, killed);
    {
      TAKE(store, Store::open(path));
      interrupted += store.report().interrupted;
      EXPECT_LE(store.report().interrupted, 1);
    }
    TAKE(db, Db::open(path, OpenMode::readWrite));
    EXPECT_EQ(*db.text("PRAGMA integrity_check"), "ok");
    EXPECT_EQ(*db.integer("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    EXPECT_EQ(*db.integer("SELECT count(*) FROM part_draft"), 0);
    compare(db, ledger, checked);
    compareConversations(db, ledger);
    if (::testing::Test::HasFailure()) break;
  }
  // Once more all of it: later runs must not have hurt what earlier ones wrote.
  TAKE(db, Db::open(path, OpenMode::readWrite));
  std::set<MessageId> none;
  compare(db, ledger, none);
  sum.kills += kills;
  sum.lines += ledger.lines;
  sum.answers += static_cast<int>(ledger.answers.size());
  sum.interrupted += interrupted;
}

TEST(Kill, nothingAcknowledgedIsLost) {
  // Writers mostly wait, so several lives fit into the time of one.
  constexpr int kFolders = 6;
  const int kills = kWriterKills * timesAsMuch();
  Sum sum;
  std::vector<std::thread> folders;
  for (int i = 0; i < kFolders; ++i)
    folders.emplace_back([&sum, kills, i] { killWriters(20261123 + static_cast<uint64_t>(i), kills / kFolders, sum); });
  for (std::thread& folder : folders) folder.join();
  std::printf("%d kills, %d acknowledged lines, %d answers, %d of them cut off\n", sum.kills.load(), sum.lines.load(),
              sum.answers.load(), sum.interrupted.load());
  EXPECT_EQ(sum.kills, kills / kFolders * kFolders);
  EXPECT_GT(sum.answers, kills / 3);
  EXPECT_GT(sum.interrupted, kills / 6);
}

TEST(Kill, aMigrationIsDoneOrNotBegun) {
  TempFolder folder;
  const std::string path = folder / "lemma.db";
  std::mt19937_64 random(1000);
  const std::string fixture = readFile(std::string(LEMMA_TESTS_DIR) + "/goldens/storage/schema-1000.db");
  ASSERT_FALSE(fixture.empty());
  const int kills = kMigrationKills * timesAsMuch();
  int before = 0, after = 0;
  // How long it takes undisturbed; the kills fall into that time.
  Millis killed = 0;
  writeFile(path, fixture);
  const auto began = std::chrono::steady_clock::now();
  ASSERT_EQ(runAndKill(path, "open", 60s, killed), "opened\n");
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
  for (int kill = 0; kill < kills; ++kill) {
    SCOPED_TRACE(kill);
    for (const char* suffix : {"", "-wal", "-shm", ".schema-1000.bak", ".schema-1000.bak.tmp"})
      std::filesystem::remove(path + suffix);
    writeFile(path, fixture);
    runAndKill(path, "open", whole * static_cast<int>(random() % 1000) / 800, killed);
    const std::string copy = path + ".schema-1000.bak";
    if (std::filesystem::exists(copy)) {  // a copy under its name is whole
      TAKE(backup, Db::open(copy, OpenMode::immutable));
      EXPECT_EQ(*backup.text("PRAGMA integrity_check"), "ok");
      EXPECT_EQ(*backup.integer("PRAGMA user_version"), 1000);
      EXPECT_EQ(*backup.integer("SELECT count(*) FROM message"), 9);
    }
    {
      TAKE(db, Db::open(path, OpenMode::readWrite));
      TAKE(version, db.integer("PRAGMA user_version"));
      const bool complete = *db.integer("SELECT count(*) FROM sqlite_schema WHERE name = 'setting'") == 1;
      EXPECT_TRUE((version == 1000 && !complete) || (version >= 1010 && complete)) << version;
      EXPECT_TRUE(version == 1000 || std::filesystem::exists(copy));
      ++(version == 1000 ? before : after);
    }
    TAKE(store, Store::open(path));
    TAKE(list, store.conversations());
    EXPECT_EQ(list.size(), 2u);
    if (::testing::Test::HasFailure()) break;
  }
  std::printf("%d kills: %d before the migration, %d after it\n", kills, before, after);
  EXPECT_GT(before, 0);
  EXPECT_GT(after, 0);
}

}  // namespace
}  // namespace lemma::storage
