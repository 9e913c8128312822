// A disk whose syncs stall, and one that loses what was not synced.
// Pass: drafts are committed while every sync waits, what is acknowledged waits for its own, a checkpoint holds nobody
// up; and after a power loss at any acknowledgement every acknowledged row is there.
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <map>
#include <random>

#include "storage/storage_thread.h"
#include "tests/storage/fault_vfs.h"
#include "tests/storage/fixture.h"

namespace lemma::storage {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;  // only a failing test waits this long

// Syncs can be held up, and what each file held at its last sync is what a power loss leaves of it.
class Disk {
 public:
  explicit Disk(const std::string& name) : vfs_(name) {
    vfs_.judgeBy([this](FileCall call, const std::string& file) {
      if (call == FileCall::sync) sync(file);
      return SQLITE_OK;
    });
  }
  const std::string& name() const { return vfs_.name(); }

  // From now on syncs of files whose names end so do not return; an empty end: of all files.
  void stall(const std::string& end) {
    std::lock_guard lock(mutex_);
    stalledEnd_ = end;
  }
  void goOn() {
    std::lock_guard lock(mutex_);
    stalledEnd_.reset();
    changed_.notify_all();
  }
  int waiting() {
    std::lock_guard lock(mutex_);
    return waiting_;
  }
  bool waitForStalled(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, std::chrono::system_clock::now() + kPatience, [&] { return waiting_ == count; });
  }
  int syncs(const std::string& end) {
    std::lock_guard lock(mutex_);
    int sum = 0;
    for (const auto& [file, count] : syncs_) sum += file.ends_with(end) ? count : 0;
    return sum;
  }
  void losePower(const std::string& folder) {
    std::lock_guard lock(mutex_);
    for (const auto& [file, bytes] : durable_)
      if (std::filesystem::is_regular_file(file))
        writeFile(folder + "/" + std::filesystem::path(file).filename().string(), bytes);
  }

 private:
  void sync(const std::string& file) {
    std::unique_lock lock(mutex_);
    ++syncs_[file];
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !stalledEnd_ || !file.ends_with(*stalledEnd_); });
    --waiting_;
    // As long as it is now: a log that others append to meanwhile may have no end.
    std::string& bytes = durable_[file];
    bytes.resize(std::filesystem::file_size(file));
    std::ifstream(file, std::ios::binary).read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> stalledEnd_;
  int waiting_ = 0;
  std::map<std::string, int> syncs_;
  std::map<std::string, std::string> durable_;
  FaultVfs vfs_;
};

class StallTest : public StoreTest {
 protected:
  ~StallTest() override { disk_.goOn(); }

  // Every commit makes a checkpoint due, but while an answer streams.
  std::unique_ptr<StorageThread> start() {
    return std::make_unique<StorageThread>(
        StorageThread::Options{.path = path(), .store = {.vfs = disk_.name()}, .draftDelay = 1ms, .logPages = 1},
        [](std::function<void()> task) { task(); }, StorageThread::Callbacks{});
  }
  template <class Work>
  static std::future<Result<void>> begin(StorageThread& thread, Work work) {
    auto answer = std::make_shared<std::promise<Result<void>>>();
    thread.call(
        [work](Store& store) -> Result<void> {
          auto result = work(store);
          if (!result) return tl::unexpected(result.error());
          return {};
        },
        [answer](Result<void> result) { answer->set_value(std::move(result)); });
    return answer->get_future();
  }
  static Result<void> take(std::future<Result<void>> answer) {
    if (answer.wait_for(kPatience) != std::future_status::ready) return fail(Err::busy, "no answer came");
    return answer.get();
  }
  static std::future<Result<void>> beginSeal(StorageThread& thread, MessageId answer) {
    auto sealed = std::make_shared<std::promise<Result<void>>>();
    thread.seal({.message = answer}, [sealed](Result<void> result) { sealed->set_value(std::move(result)); });
    return sealed->get_future();
  }
  // Another connection sees what is committed, and so does whoever opens the files after a kill.
  static bool seen(Db& other, const std::string& text) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      const auto now = other.text(
          "SELECT coalesce(group_concat(text, ''), '') FROM (SELECT text FROM part_draft"
          " ORDER BY part_id, n)");
      if (now.value_or("") == text) return true;
      std::this_thread::sleep_for(1ms);
    }
    return false;
  }
  void streams(StorageThread& thread, MessageId answer) {
    TAKE(other, Db::open(path(), OpenMode::readOnly));
    std::string all;
    for (int i = 0; i < 20; ++i) {
      const std::string more = std::to_string(i) + std::string(6000, 'x') + " ";
      thread.appendDraft(answer, PartKind::answer, more, 1);
      all += more;
      ASSERT_TRUE(seen(other, all)) << i;
    }
  }

  Disk disk_{"stalling"};
  const ConversationId conversation_ = ids_.conversation();
};

}  // namespace

TEST_F(StallTest, draftsAreCommittedWithoutOneSync) {
  auto thread = start();
  const Sending s = question("q", conversation_, true);
  ASSERT_OK(take(begin(*thread, [s](Store& store) { return store.send(s); })));
  const int before = disk_.syncs("");
  disk_.stall("");
  ASSERT_NO_FATAL_FAILURE(streams(*thread, s.answer));
  EXPECT_EQ(disk_.syncs(""), before);  // no checkpoint either, though the log is past its bound
  auto sealed = beginSeal(*thread, s.answer);
  ASSERT_TRUE(disk_.waitForStalled(1));
  EXPECT_EQ(sealed.wait_for(0s), std::future_status::timeout);
  disk_.goOn();
  ASSERT_OK(take(std::move(sealed)));
}

TEST_F(StallTest, aCheckpointHoldsNobodyUp) {
  auto thread = start();
  const Sending first = question("q1", conversation_, true), second = question("q2", conversation_);
  ASSERT_OK(take(begin(*thread, [first](Store& store) { return store.send(first); })));
  ASSERT_NO_FATAL_FAILURE(streams(*thread, first.answer));
  disk_.stall(".db");
  ASSERT_OK(take(beginSeal(*thread, first.answer)));
  ASSERT_TRUE(disk_.waitForStalled(1));  // the checkpoint after the seal
  ASSERT_OK(take(begin(*thread, [second](Store& store) { return store.send(second); })));
  disk_.stall("");
  ASSERT_NO_FATAL_FAILURE(streams(*thread, second.answer));
  EXPECT_EQ(disk_.waiting(), 1);
  auto renamed = begin(*thread, [this](Store& store) { return store.rename(conversation_, "new", true); });
  ASSERT_TRUE(disk_.waitForStalled(2));
  EXPECT_EQ(renamed.wait_for(0s), std::future_status::timeout);
  disk_.goOn();
  ASSERT_OK(take(std::move(renamed)));
  thread.reset();
  TAKE(store, open());
  TAKE(all, store.load(conversation_));
  EXPECT_EQ(all.messages.size(), 4u);
  ASSERT_OK(store.check());
}

// Past the second bound the log is moved although an answer streams, so that it does not grow for ever.
TEST_F(StallTest, aLongAnswerDoesNotGrowTheLogForEver) {
  auto thread = std::make_unique<StorageThread>(
      StorageThread::Options{
          .path = path(), .store = {.vfs = disk_.name()}, .draftDelay = 1ms, .logPages = 1, .logPagesStreaming = 50},
      [](std::function<void()> task) { task(); }, StorageThread::Callbacks{});
  const Sending s = question("q", conversation_, true);
  ASSERT_OK(take(begin(*thread, [s](Store& store) { return store.send(s); })));
  const int before = disk_.syncs(".db");
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (disk_.syncs(".db") == before && std::chrono::steady_clock::now() < end) {
    thread->appendDraft(s.answer, PartKind::answer, std::string(6000, 'x'), 1);
    std::this_thread::sleep_for(2ms);
  }
  EXPECT_GT(disk_.syncs(".db"), before);
}

TEST_F(StallTest, aPowerLossTakesNothingThatWasAcknowledged) {
  std::mt19937_64 random(20261125);
  std::map<MessageId, std::string> sealed;
  std::vector<MessageId> sent;
  std::string title;
  int losses = 0, streaming = 0;
  auto thread = start();
  const auto lose = [&](std::optional<MessageId> open, const std::string& drafted, size_t synced) {
    TempFolder left(true);
    disk_.losePower(left.path());
    TAKE(store, Store::open(left / "lemma.db"));
    ASSERT_OK(store.check());
    TAKE(all, store.load(conversation_));
    ASSERT_EQ(all.messages.size(), 2 * sent.size());
    if (!title.empty()) {
      EXPECT_EQ(all.conversation.title, title);
    }
    for (size_t i = 0; i < sent.size(); ++i) {
      const Message& m = all.messages[2 * i + 1];
      EXPECT_EQ(m.id, sent[i]);
      const std::string text = m.parts.empty() ? std::string() : m.parts[0].text;
      if (open == m.id) {
        EXPECT_EQ(m.state, MessageState::interrupted);
        EXPECT_EQ(text, drafted.substr(0, text.size()));
        EXPECT_GE(text.size(), synced);
      } else {
        EXPECT_EQ(m.state, MessageState::complete);
        EXPECT_EQ(text, sealed.at(m.id));
      }
    }
    ++losses;
    streaming += open.has_value();
  };
  for (int turn = 0; turn < 25; ++turn) {
    SCOPED_TRACE(turn);
    const Sending s = question("q" + std::to_string(turn), conversation_, turn == 0);
    ASSERT_OK(take(begin(*thread, [s](Store& store) { return store.send(s); })));
    sent.push_back(s.answer);
    ASSERT_NO_FATAL_FAILURE(lose(s.answer, "", 0));
    std::string text;
    size_t synced = 0;
    for (int i = 0; i < 6; ++i) {
      const std::string more(1 + random() % 9000, static_cast<char>('a' + random() % 26));
      thread->appendDraft(s.answer, PartKind::answer, more, 1);
      text += more;
      if (random() % 2) std::this_thread::sleep_for(2ms);
      if (i == 3) {  // acknowledged behind drafts that nobody synced: durable with them
        title = "title " + std::to_string(turn);
        ASSERT_OK(
            take(begin(*thread, [this, title](Store& store) { return store.rename(conversation_, title, true); })));
        synced = text.size();
      }
      if (i >= 3) {
        ASSERT_NO_FATAL_FAILURE(lose(s.answer, text, synced));
      }
    }
    ASSERT_OK(take(beginSeal(*thread, s.answer)));
    sealed[s.answer] = text;
    ASSERT_NO_FATAL_FAILURE(lose(std::nullopt, "", 0));
  }
  std::printf("%d power losses, %d of them while an answer streamed, %d syncs of the database\n", losses, streaming,
              disk_.syncs(".db"));
  EXPECT_GT(disk_.syncs(".db"), 10);  // checkpoints came in between
}

}  // namespace lemma::storage
