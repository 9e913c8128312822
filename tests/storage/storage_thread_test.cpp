#include "storage/storage_thread.h"

#include <atomic>
#include <future>

#include "tests/storage/fault_vfs.h"
#include "tests/storage/fixture.h"

namespace lemma::storage {
namespace {

using namespace std::chrono_literals;

// Stands for the thread of the window: runs what is posted when it is asked to.
class Loop {
 public:
  StorageThread::Executor executor() {
    return [this](std::function<void()> task) {
      std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
      wake_.notify_one();
    };
  }
  template <class Done>
  bool runUntil(Done done, std::chrono::seconds limit = 20s) {
    const auto end = std::chrono::system_clock::now() + limit;
    std::unique_lock lock(mutex_);
    for (;;) {
      while (!tasks_.empty()) {
        auto task = std::move(tasks_.front());
        tasks_.pop_front();
        lock.unlock();
        task();
        lock.lock();
      }
      if (done()) return true;
      if (wake_.wait_until(lock, end) == std::cv_status::timeout) return false;
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
};

class StorageThreadTest : public StoreTest {
 protected:
  std::unique_ptr<StorageThread> start(StorageThread::Options options = {}) {
    options.path = path();
    return std::make_unique<StorageThread>(
        std::move(options), loop_.executor(),
        StorageThread::Callbacks{
            .opened = [this](Result<OpenReport> r) { opened_ = std::move(r); },
            .draftTrouble = [this](std::optional<Error> e) { troubles_.push_back(std::move(e)); }});
  }
  template <class Work>
  auto ask(StorageThread& thread, Work work) {
    std::optional<std::invoke_result_t<Work&, Store&>> answer;
    thread.call(std::move(work), [&answer](auto result) { answer = std::move(result); });
    EXPECT_TRUE(loop_.runUntil([&answer] { return answer.has_value(); }));
    return std::move(*answer);
  }

  Loop loop_;
  std::optional<Result<OpenReport>> opened_;
  std::vector<std::optional<Error>> troubles_;
};

}  // namespace

TEST_F(StorageThreadTest, opensAndAnswersInOrder) {
  auto thread = start();
  ASSERT_TRUE(loop_.runUntil([this] { return opened_.has_value(); }));
  ASSERT_OK(*opened_);
  EXPECT_TRUE((*opened_)->created);
  std::vector<int> order;
  for (int i = 0; i < 100; ++i)
    thread->call([i](Store&) { return Result<int>(i); }, [&order](Result<int> r) { order.push_back(*r); });
  ASSERT_TRUE(loop_.runUntil([&order] { return order.size() == 100; }));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

TEST_F(StorageThreadTest, draftsReachTheDiskByThemselves) {
  auto thread = start();
  const auto conversation = ids_.conversation();
  const Sending s = question("q", conversation, true);
  ASSERT_OK(ask(*thread, [s](Store& store) { return store.send(s); }));
  thread->appendDraft(s.answer, PartKind::think, "one ", 1);
  thread->appendDraft(s.answer, PartKind::think, "two", 1);
  const auto began = std::chrono::steady_clock::now();
  // Another connection sees what is committed.
  TAKE(other, Db::open(path(), OpenMode::readOnly));
  std::string seen;
  while (seen.empty() && std::chrono::steady_clock::now() - began < 20s) {
    auto text = other.text("SELECT coalesce(group_concat(text, ''), '') FROM part_draft");
    ASSERT_OK(text);
    seen = *text;
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(seen, "one two");
}

TEST_F(StorageThreadTest, callsSeeDraftsGivenBeforeAndSealKeepsAll) {
  auto thread = start();
  const auto conversation = ids_.conversation();
  const Sending s = question("q", conversation, true);
  ASSERT_OK(ask(*thread, [s](Store& store) { return store.send(s); }));
  thread->appendDraft(s.answer, PartKind::think, "t", 1);
  thread->appendDraft(s.answer, PartKind::answer, "a", 1);
  TAKE(live, ask(*thread, [conversation](Store& store) { return store.load(conversation); }));
  ASSERT_EQ(live.messages[1].parts.size(), 2u);
  EXPECT_EQ(live.messages[1].parts[1].text, "a");
  thread->appendDraft(s.answer, PartKind::answer, "b", 1);
  std::optional<Result<void>> sealed;
  thread->seal({.message = s.answer, .state = MessageState::stopped, .stopReason = "cancelled"},
               [&sealed](Result<void> r) { sealed = std::move(r); });
  ASSERT_TRUE(loop_.runUntil([&sealed] { return sealed.has_value(); }));
  ASSERT_OK(*sealed);
  TAKE(end, ask(*thread, [conversation](Store& store) { return store.load(conversation); }));
  EXPECT_EQ(end.messages[1].parts[1].text, "ab");
  EXPECT_EQ(end.messages[1].parts[1].tokens, 2);
  EXPECT_EQ(end.messages[1].state, MessageState::stopped);
}

TEST_F(StorageThreadTest, endingSavesWhatWasGathered) {
  const auto conversation = ids_.conversation();
  const Sending s = question("q", conversation, true);
  {
    auto thread = start({.draftDelay = 1h});
    ASSERT_OK(ask(*thread, [s](Store& store) { return store.send(s); }));
    thread->appendDraft(s.answer, PartKind::answer, "kept", 1);
  }
  TAKE(store, open());
  TAKE(thread, store.load(conversation));
  EXPECT_EQ(thread.messages[1].parts.at(0).text, "kept");
  EXPECT_EQ(thread.messages[1].state, MessageState::interrupted);
}

TEST_F(StorageThreadTest, aStoreThatCannotBeOpenedAnswersEveryCall) {
  writeFile(path(), std::string(8192, 'x'));
  auto thread = start();
  ASSERT_TRUE(loop_.runUntil([this] { return opened_.has_value(); }));
  EXPECT_EQ(opened_->error().code, Err::damaged);
  EXPECT_EQ(ask(*thread, [](Store& store) { return store.conversations(); }).error().code, Err::damaged);
}

TEST_F(StorageThreadTest, aFullQueueSaysSoAndNeverWaits) {
  auto thread = start({.queueLimit = 4});
  std::promise<void> gate;
  std::atomic<int> ran{0};
  int answered = 0, busy = 0;
  auto opened = gate.get_future().share();
  for (int i = 0; i < 20; ++i)
    thread->call(
        [&ran, opened](Store&) {
          opened.wait();
          ++ran;
          return Result<void>();
        },
        [&answered, &busy](Result<void> r) { ++(r ? answered : busy); });
  gate.set_value();
  ASSERT_TRUE(loop_.runUntil([&] { return answered + busy == 20; }));
  EXPECT_GE(busy, 15);  // one runs, four wait
  EXPECT_EQ(ran, answered);
}

// Drafts and the seal wait while the disk is full, this is announced, and they arrive once there is space.
TEST_F(StorageThreadTest, aFullDiskLosesNothing) {
  FaultVfs vfs("full-disk");
  auto thread = start({.store = {.vfs = vfs.name()}, .draftDelay = 5ms, .retryDelay = 20ms});
  const auto conversation = ids_.conversation();
  const Sending s = question("q", conversation, true);
  ASSERT_OK(ask(*thread, [s](Store& store) { return store.send(s); }));
  vfs.judgeBy([](FileCall call, const std::string&) { return call == FileCall::write ? SQLITE_FULL : SQLITE_OK; });
  thread->appendDraft(s.answer, PartKind::answer, "one ", 1);
  ASSERT_TRUE(loop_.runUntil([this] { return !troubles_.empty(); }));
  ASSERT_TRUE(troubles_.back());
  EXPECT_EQ(troubles_.back()->code, Err::diskFull);
  thread->appendDraft(s.answer, PartKind::answer, "two", 1);
  std::optional<Result<void>> sealed;
  thread->seal({.message = s.answer}, [&sealed](Result<void> r) { sealed = std::move(r); });
  // Reading goes on, writing fails with the sentence.
  TAKE(meanwhile, ask(*thread, [conversation](Store& store) { return store.load(conversation); }));
  EXPECT_EQ(meanwhile.messages.size(), 2u);
  EXPECT_EQ(ask(*thread, [conversation](Store& store) { return store.rename(conversation, "x", true); }).error().code,
            Err::diskFull);
  EXPECT_FALSE(sealed);
  vfs.judgeBy({});  // space returns
  ASSERT_TRUE(loop_.runUntil([this, &sealed] { return sealed.has_value() && troubles_.size() == 2; }));
  ASSERT_OK(*sealed);
  EXPECT_FALSE(troubles_.back());
  TAKE(end, ask(*thread, [conversation](Store& store) { return store.load(conversation); }));
  EXPECT_EQ(end.messages[1].parts.at(0).text, "one two");
  EXPECT_EQ(end.messages[1].state, MessageState::complete);
  thread.reset();
}

}  // namespace lemma::storage
