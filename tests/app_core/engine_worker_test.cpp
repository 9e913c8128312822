// The thread that owns the engine: requests and wishes from other threads, at every moment of a request's life.
#include "app/core/engine_worker.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <utility>
#include <vector>

#include "app/core/stall_clock.h"
#include "engine/model.h"
#include "engine/park/parked_folder.h"
#include "kernels/observe/observing_backend.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_model.h"

namespace lemma::app {
namespace {

using namespace std::chrono_literals;

// What a sink heard, for a test's thread to wait on.
class Heard {
 public:
  Engine::Sink sink() {
    return [this](const StreamEvent& e) {
      std::lock_guard lock(mutex_);
      if (const auto* d = std::get_if<PartDelta>(&e)) {
        ++deltas_;
        text_ += d->text;
      }
      if (const auto* f = std::get_if<Finished>(&e)) reason_ = f->reason;
      if (const auto* f = std::get_if<Failed>(&e)) error_ = f->error.what, stalled_ = isStall(f->error);
      changed_.notify_all();
    };
  }
  bool waitForWords() {
    return wait([this] { return deltas_ > 0 || over(); });
  }
  std::optional<StopReason> waitForEnd() {
    return wait([this] { return over(); }) ? reason_ : std::nullopt;
  }
  bool stalled() {
    std::lock_guard lock(mutex_);
    return stalled_;
  }
  std::string text() {
    std::lock_guard lock(mutex_);
    return text_;
  }
  std::string error() {
    std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  bool over() const { return reason_ || !error_.empty(); }
  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 60s, condition);
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  int deltas_ = 0;
  std::optional<StopReason> reason_;
  std::string error_, text_;
  bool stalled_ = false;
};

// Looks on at matrix products, and on request holds the engine's thread in the middle of a pass, as a driver or a
// broken kernel would: no cancel helps.
// Models that it looks on at are loaded for one thread, as each look ends a pass of the team.
class Hang final : public ProductObserver {
 public:
  ~Hang() override { letGo(); }
  void product(const TensorView&, const TensorView&, int) override {
    std::unique_lock lock(mutex_);
    if (!wanted_) return;
    wanted_ = false;
    held_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
  }
  void holdNext() {
    std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  bool waitUntilHeld() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 60s, [this] { return held_; });
  }
  void letGo() {
    std::lock_guard lock(mutex_);
    held_ = wanted_ = false;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool wanted_ = false, held_ = false;
};

class EngineWorkerTest : public testing::Test {
 protected:
  Result<ModelInfo> load(const std::string& path) {
    LoadOptions options;
    options.path = path;
    return load(worker, options);
  }
  static Result<ModelInfo> load(EngineWorker& by, const LoadOptions& options) {
    auto loaded = std::make_shared<std::promise<Result<ModelInfo>>>();
    auto result = loaded->get_future();
    by.load(options, {}, [loaded](Result<ModelInfo> r) { loaded->set_value(std::move(r)); });
    return result.get();
  }
  void loadTiny() {
    const std::string path = folder / "model.gguf";
    ASSERT_TRUE(writeTinyModel(path, {.context = 4096}));
    const auto r = load(path);
    ASSERT_TRUE(r) << r.error().what;
  }
  // A new tiny model, loaded so that `hang` sees every product.
  LoadOptions watched(Hang& hang) {
    LoadOptions options;
    options.path = folder / "model.gguf";
    options.observer = &hang;
    options.threads = 1;
    EXPECT_TRUE(writeTinyModel(options.path, {.context = 4096}));
    return options;
  }
  // Until another engine has taken over: one that hangs answers nothing.
  static bool waitForAnotherEngine(EngineWorker& of) {
    for (int i = 0; i < 600; ++i) {
      auto answered = std::make_shared<std::promise<void>>();
      of.countTokens(endless(), [answered](const Result<int>&) { answered->set_value(); });
      if (answered->get_future().wait_for(100ms) == std::future_status::ready) return true;
    }
    return false;
  }
  // Until only the idle thread of `worker` is there: an engine that was left behind ends by itself, and what it uses
  // must live so long.
  static bool waitForEnginesLeftBehind() {
    const auto engines = [] {
      int count = 0;
      for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream file(task.path() / "comm");
        std::string name;
        std::getline(file, name);
        count += name == "lemma-engine";
      }
      return count;
    };
    for (int i = 0; i < 6000 && engines() > 1; ++i) std::this_thread::sleep_for(10ms);
    return engines() == 1;
  }
  static ChatRequest endless() {
    ChatRequest r;
    r.turns = {{"user", "Hello"}};
    r.sampling.seed = 3;
    r.sampling.logitBias = {{Token{257}, -1000.0f}};
    r.think.kind = ThinkBudget::Kind::off;
    return r;
  }
  const test::TemporaryFolder folder;
  EngineWorker worker;
};

TEST_F(EngineWorkerTest, anAnswerEndsAndTheNextOneStarts) {
  loadTiny();
  for (int i = 0; i < 3; ++i) {
    ChatRequest r = endless();
    r.maxAnswerTokens = 20;
    Heard heard;
    worker.start(r, heard.sink());
    EXPECT_EQ(heard.waitForEnd(), StopReason::length);
  }
}

TEST_F(EngineWorkerTest, cancelInMidAnswerAndBeforeItStarted) {
  loadTiny();
  Heard running, queued;
  const auto first = worker.start(endless(), running.sink());
  EXPECT_TRUE(running.waitForWords());
  const auto second = worker.start(endless(), queued.sink());
  worker.cancel(second);
  worker.cancel(first);
  EXPECT_EQ(running.waitForEnd(), StopReason::cancelled);
  EXPECT_EQ(queued.waitForEnd(), StopReason::cancelled);
  worker.cancel(first);  // long over: nothing happens
  worker.endThought(second);
}

TEST_F(EngineWorkerTest, manyCancelsAtRandomMomentsLeaveItWell) {
  loadTiny();
  for (int i = 0; i < 40; ++i) {
    Heard heard;
    const auto ticket = worker.start(endless(), heard.sink());
    std::this_thread::sleep_for(std::chrono::microseconds(i * 137 % 4000));
    worker.cancel(ticket);
    EXPECT_EQ(heard.waitForEnd(), StopReason::cancelled) << i;
  }
}

TEST_F(EngineWorkerTest, withoutAModelAQuestionFailsWithASentence) {
  Heard heard;
  worker.start(endless(), heard.sink());
  EXPECT_FALSE(heard.waitForEnd());
  EXPECT_FALSE(heard.error().empty());
}

TEST_F(EngineWorkerTest, aModelThatIsNotThereIsASentence) {
  const auto r = load("/nowhere/model.gguf");
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().what.find("/nowhere/model.gguf"), std::string::npos);
}

TEST_F(EngineWorkerTest, whatIsParkedOfAConversationCanBeForgotten) {
  const std::string parked = folder / "parked", path = folder / "model.gguf";
  ASSERT_TRUE(writeTinyModel(path, {.context = 4096}));
  for (const bool forget : {false, true}) {
    EngineWorker own;
    LoadOptions options;
    options.path = path;
    options.parking = {.folder = parked, .quotaBytes = kParkingQuota};
    own.load(options, {}, [](const Result<ModelInfo>&) {});
    ChatRequest r = endless();
    r.conversation = "mine";
    Heard heard;
    own.start(r, heard.sink());
    EXPECT_TRUE(heard.waitForWords());
    if (forget) own.forget("mine", parked);
    // Its end cancels the answer, and what it held is parked then.
    std::promise<void> heardOf;
    own.countTokens(r, [&heardOf](const Result<int>&) { heardOf.set_value(); });
    heardOf.get_future().wait();
    if (forget) {
      EXPECT_TRUE(listParked(parked).empty());
    }
  }
  EXPECT_TRUE(listParked(parked).empty()) << "nothing is parked of what was forgotten";
}

TEST_F(EngineWorkerTest, itEndsInMidAnswerAndTheSinkHearsOfIt) {
  Heard heard;
  {
    EngineWorker own;
    const std::string path = folder / "model.gguf";
    ASSERT_TRUE(writeTinyModel(path, {.context = 4096}));
    LoadOptions options;
    options.path = path;
    own.load(options, {}, [](const Result<ModelInfo>&) {});
    own.start(endless(), heard.sink());
    EXPECT_TRUE(heard.waitForWords());
  }
  EXPECT_EQ(heard.waitForEnd(), StopReason::cancelled);
}

// Nothing goes on for the limit: what was written stays, the request ends with a sentence, the next one is answered.
TEST_F(EngineWorkerTest, anEngineThatHangsIsGivenUpAndTheNextQuestionIsAnswered) {
  Hang hang;
  const LoadOptions options = watched(hang);
  Heard first, queued, next, after;
  {
    EngineWorker own({.stallAfter = 1s, .grace = 100ms});
    ASSERT_TRUE(load(own, options));
    own.start(endless(), first.sink());
    ASSERT_TRUE(first.waitForWords());
    hang.holdNext();
    ASSERT_TRUE(hang.waitUntilHeld());
    const std::string before = first.text();
    own.start(endless(), queued.sink());
    EXPECT_FALSE(first.waitForEnd());
    EXPECT_FALSE(queued.waitForEnd());
    EXPECT_TRUE(first.stalled()) << first.error();
    EXPECT_TRUE(queued.stalled()) << queued.error();
    EXPECT_FALSE(before.empty());
    EXPECT_EQ(first.text(), before);
    ASSERT_TRUE(own.lastStall());
    EXPECT_FALSE(own.lastStall()->ended);
    EXPECT_GT(own.lastStall()->bytesKept, 0u);

    ChatRequest r = endless();
    r.maxAnswerTokens = 3;
    own.start(r, next.sink());
    EXPECT_EQ(next.waitForEnd(), StopReason::length) << next.error();
    // What was stuck comes back after all: nobody hears of it, and it ends by itself.
    hang.letGo();
    own.start(r, after.sink());
    EXPECT_EQ(after.waitForEnd(), StopReason::length);
    EXPECT_EQ(first.text(), before);
  }
  EXPECT_TRUE(waitForEnginesLeftBehind()) << "it still uses `hang`";
}

// The stuck one comes back when it is cancelled, so its memory is free before the model is loaded again.
TEST_F(EngineWorkerTest, anEngineThatComesBackInTimeKeepsNothing) {
  Hang hang;
  const LoadOptions options = watched(hang);
  Heard first, next;
  EngineWorker own({.stallAfter = 1s, .grace = 60s});
  ASSERT_TRUE(load(own, options));
  hang.holdNext();
  own.start(endless(), first.sink());
  ASSERT_TRUE(hang.waitUntilHeld());
  ASSERT_TRUE(waitForAnotherEngine(own));
  EXPECT_TRUE(first.error().empty()) << "told only when it is known what became of the engine";
  hang.letGo();
  EXPECT_FALSE(first.waitForEnd());
  EXPECT_TRUE(first.stalled()) << first.error();
  ASSERT_TRUE(own.lastStall());
  EXPECT_TRUE(own.lastStall()->ended);
  ChatRequest r = endless();
  r.maxAnswerTokens = 3;
  own.start(r, next.sink());
  EXPECT_EQ(next.waitForEnd(), StopReason::length) << next.error();
}

// The model is loaded again by the question that follows, which can be told to stop meanwhile.
TEST_F(EngineWorkerTest, whatFollowsAStallCanBeCancelledOrFail) {
  Hang hang;
  const LoadOptions options = watched(hang);
  Heard first, cancelled, failed;
  EngineWorker own({.stallAfter = 1s, .grace = 60s});
  ASSERT_TRUE(load(own, options));
  hang.holdNext();
  own.start(endless(), first.sink());
  ASSERT_TRUE(hang.waitUntilHeld());
  ASSERT_TRUE(waitForAnotherEngine(own));
  const auto ticket = own.start(endless(), cancelled.sink());
  own.cancel(ticket);
  hang.letGo();
  EXPECT_EQ(cancelled.waitForEnd(), StopReason::cancelled) << cancelled.error();
  ASSERT_EQ(std::remove(options.path.c_str()), 0);
  hang.holdNext();
  own.start(endless(), failed.sink());
  EXPECT_FALSE(failed.waitForEnd());
  EXPECT_NE(failed.error().find(options.path), std::string::npos) << failed.error();
}

TEST_F(EngineWorkerTest, aWorkerEndsBesideAnEngineThatHangs) {
  Hang hang;
  const LoadOptions options = watched(hang);
  Heard heard;
  {
    EngineWorker own({.stallAfter = 500ms, .grace = 100ms});
    ASSERT_TRUE(load(own, options));
    hang.holdNext();
    own.start(endless(), heard.sink());
    ASSERT_TRUE(hang.waitUntilHeld());
  }
  hang.letGo();
  EXPECT_TRUE(waitForEnginesLeftBehind()) << "it still uses `hang`";
}

TEST(StallClock, onlyTimeInWhichItLookedCounts) {
  using Time = StallClock::Time;
  Time now{1h};
  const auto looks = [&now](StallClock& clock, int times, bool busy, uint64_t& count, bool moving) {
    bool stalled = false;
    for (int i = 0; i < times; ++i) {
      now += 1500ms;
      if (moving) ++count;
      stalled = stalled || clock.look(now, busy, count);
    }
    return stalled;
  };
  uint64_t count = 7;
  StallClock clock(30s);
  EXPECT_EQ(clock.between(), 1500ms);
  EXPECT_FALSE(looks(clock, 100, false, count, false)) << "nothing is to be done";
  EXPECT_FALSE(looks(clock, 100, true, count, true)) << "it goes on";
  EXPECT_FALSE(looks(clock, 19, true, count, false));
  EXPECT_TRUE(looks(clock, 1, true, count, false)) << "thirty seconds";
  EXPECT_FALSE(looks(clock, 1, true, count, true)) << "it goes on again";
  // The machine slept for a night, or the process was stopped, in the middle of a chunk.
  now += 8h;
  EXPECT_FALSE(clock.look(now, true, count));
  EXPECT_FALSE(looks(clock, 17, true, count, false));
  EXPECT_TRUE(looks(clock, 1, true, count, false)) << "but a hang is still found";
}

}  // namespace
}  // namespace lemma::app
