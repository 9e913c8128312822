// The thread that owns the engine: requests and wishes from other threads, at every moment of a request's life.
#include "app/core/engine_worker.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <future>

#include "engine/park/parked_folder.h"
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
      if (std::holds_alternative<PartDelta>(e)) ++deltas_;
      if (const auto* f = std::get_if<Finished>(&e)) reason_ = f->reason;
      if (const auto* f = std::get_if<Failed>(&e)) error_ = f->error.what;
      changed_.notify_all();
    };
  }
  bool waitForWords() {
    return wait([this] { return deltas_ > 0 || over(); });
  }
  std::optional<StopReason> waitForEnd() {
    return wait([this] { return over(); }) ? reason_ : std::nullopt;
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
  std::string error_;
};

class EngineWorkerTest : public testing::Test {
 protected:
  Result<ModelInfo> load(const std::string& path) {
    LoadOptions options;
    options.path = path;
    std::promise<Result<ModelInfo>> loaded;
    worker.load(options, {}, [&loaded](Result<ModelInfo> r) { loaded.set_value(std::move(r)); });
    return loaded.get_future().get();
  }
  void loadTiny() {
    const std::string path = folder / "model.gguf";
    ASSERT_TRUE(writeTinyModel(path, {.context = 4096}));
    const auto r = load(path);
    ASSERT_TRUE(r) << r.error().what;
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

}  // namespace
}  // namespace lemma::app
