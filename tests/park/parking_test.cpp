// Conversations that are opened again in another run: what they compute, that no bit of the answer changes, and that
// nothing on the disk can do more than cost time. Class bitwise, against the engine that kept its cache in memory.
#include "engine/park/parking.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

#include "engine/park/parked_folder.h"
#include "kernels/api/backend_list.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_model.h"

namespace lemma::test {
namespace {

namespace fs = std::filesystem;

struct Answer {
  std::string text, error;
  std::optional<Finished> finished;
  int promptRows() const { return finished->promptTokens - finished->cachedTokens; }
};

struct Place {
  std::string backend, kvType;
  bool operator==(const Place&) const = default;
};

class Parked : public testing::TestWithParam<Place> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(writeTinyModel(model(), {.context = 1024}));
    ASSERT_TRUE(writeTinyModel(thinker(), {.context = 1024, .thinks = true}));
  }
  std::string model() const { return folder_ / "model.gguf"; }
  std::string thinker() const { return folder_ / "thinker.gguf"; }
  std::string parked() const { return folder_ / "cache/parked"; }

  LoadOptions options(const std::string& path) {
    LoadOptions o{.path = path, .batch = 64, .threads = 2, .kvType = GetParam().kvType, .backend = GetParam().backend};
    o.parking = {.folder = parked(), .quotaBytes = quota_, .notice = [this](const std::string& sentence) {
                   notices_.push_back(sentence);
                 }};
    return o;
  }
  void load(Engine& engine, bool parking = true, const std::string& path = "") {
    LoadOptions o = options(path.empty() ? model() : path);
    if (!parking) o.parking = {};
    const auto info = engine.load(o);
    ASSERT_TRUE(info) << info.error().what;
  }
  static ChatRequest ask(std::vector<ChatTurn> turns, int think = 0) {
    ChatRequest r;
    r.turns = std::move(turns);
    r.sampling.temperature = 1.5f;
    r.sampling.seed = 3;
    r.think = {.kind = think > 0 ? ThinkBudget::Kind::tokens : ThinkBudget::Kind::off, .tokens = think};
    r.sampling.logitBias = {{Token{257}, -1000.0f}};  // no answer ends by itself
    r.maxAnswerTokens = 30;
    r.speculate = Speculation::off;
    r.conversation = "one";
    return r;
  }
  static Answer run(Engine& engine, ChatRequest request) {
    Answer a;
    engine.start(std::move(request), [&a](const StreamEvent& e) {
      if (const auto* d = std::get_if<PartDelta>(&e)) a.text += (d->kind == PartKind::think ? "t" : "a") + d->text;
      if (const auto* f = std::get_if<Finished>(&e)) a.finished = *f;
      if (const auto* x = std::get_if<Failed>(&e)) a.error = x->error.what;
    });
    while (engine.step()) {
    }
    EXPECT_TRUE(a.finished) << a.error;
    return a;
  }
  // In a run of its own, whose end writes what waits.
  Answer runAlone(const ChatRequest& request, bool parking = true, const std::string& path = "") {
    Engine engine;
    load(engine, parking, path);
    return run(engine, request);
  }
  std::vector<ParkedFile> files() const { return listParked(parked()); }
  std::string pathOf(const ParkedFile& f) const { return parked() + "/" + f.name; }

  TemporaryFolder folder_;
  uint64_t quota_ = 64 << 20;
  std::vector<std::string> notices_;
  const std::vector<ChatTurn> turn1_{
      {"system", "You are a helper whose instructions are long, so that they are worth keeping."},
      {"user", "What is a prime, and why do people look for large ones?"}};
  std::vector<ChatTurn> turn2() const {
    auto turns = turn1_;
    turns.push_back({"assistant", "A number with two divisors."});
    turns.push_back({"user", "And the next one?"});
    return turns;
  }
};

TEST_P(Parked, aNextTurnInAnotherRunIsThatOfTheSameRun) {
  Engine whole;  // keeps everything in memory
  load(whole, false);
  const Answer first = run(whole, ask(turn1_));
  const Answer second = run(whole, ask(turn2()));
  EXPECT_EQ(runAlone(ask(turn1_)).text, first.text);
  EXPECT_EQ(files().size(), 1u);
  const Answer again = runAlone(ask(turn2()));
  EXPECT_EQ(again.text, second.text);
  EXPECT_GT(again.finished->cachedTokens, 100);
  EXPECT_EQ(again.finished->cachedTokens, second.finished->cachedTokens);
  EXPECT_EQ(again.finished->computedTokens, second.finished->computedTokens);
  EXPECT_EQ(files().size(), 2u) << "the second turn parks what it added";
  // And a third run, over a chain of two files.
  const Answer chained = runAlone(ask(turn2()));
  EXPECT_EQ(chained.text, second.text);
  EXPECT_EQ(chained.promptRows(), 9);
  EXPECT_EQ(notices_, std::vector<std::string>{});
}

TEST_P(Parked, branchesAndOtherConversationsShareWhatIsParked) {
  const Answer first = runAlone(ask(turn1_));
  auto other = turn1_;
  other[1].content = "Why is the sky blue, and not green?";
  const Answer second = runAlone(ask(other));
  EXPECT_GT(second.finished->cachedTokens, int(turn1_[0].content.size())) << "the system prompt";
  const auto sizes = files();
  ASSERT_EQ(sizes.size(), 2u);
  const Answer third = runAlone(ask(other));
  EXPECT_EQ(third.promptRows(), 9);
  EXPECT_EQ(third.text, second.text);
  EXPECT_EQ(files().size(), 2u) << "nothing new, so nothing is written";
}

// What is kept of a conversation with thoughts ends where the next turn leaves the thought out. Turn 2 computes its
// answer and its question and no row more, in memory as from the disk.
TEST_P(Parked, turnTwoOfAThinkingConversationComputesTheAnswerAndTheQuestion) {
  Engine whole;
  load(whole, false, thinker());
  const Answer first = run(whole, ask(turn1_, 40));
  ASSERT_GT(first.finished->thinkTokens, 0);
  const Answer second = run(whole, ask(turn2(), 40));
  // A byte is a token here: the answer, the question, and what the template and the scaffold write around them.
  const int added = int(std::string("A number with two divisors.And the next one?").size());
  EXPECT_GE(second.promptRows(), added);
  EXPECT_LE(second.promptRows(), added + 60);

  runAlone(ask(turn1_, 40), true, thinker());
  const Answer again = runAlone(ask(turn2(), 40), true, thinker());
  EXPECT_EQ(again.text, second.text);
  EXPECT_EQ(again.promptRows(), second.promptRows());
  EXPECT_EQ(again.finished->computedTokens, second.finished->computedTokens);
}

// The thought of an answer that ended by itself is of no use later, and takes no room.
TEST_P(Parked, thoughtsAreParkedOnlyWhereTheAnswerMayGoOn) {
  auto request = ask(turn1_, 40);
  request.stop = {"\n", "e", "a", "o", "x", " "};  // some letter comes
  request.maxAnswerTokens = 400;
  const Answer stopped = runAlone(request, true, thinker());
  ASSERT_EQ(stopped.finished->reason, StopReason::stop);
  ASSERT_GT(stopped.finished->thinkTokens, 0);
  const auto ends = [this] {
    int most = 0;
    for (const ParkedFile& f : files()) {
      const auto reader = ParkedReader::open(parked(), f.name);
      EXPECT_TRUE(reader);
      most = std::max(most, reader->header().end());
    }
    return most;
  };
  EXPECT_EQ(ends(), stopped.finished->promptTokens);
  request.stop.clear();
  request.maxAnswerTokens = 5;
  const Answer cut = runAlone(request, true, thinker());
  ASSERT_EQ(cut.finished->reason, StopReason::length);
  EXPECT_GT(ends(), cut.finished->promptTokens + 30);
}

TEST_P(Parked, brokenFilesCostTimeOnly) {
  const Answer first = runAlone(ask(turn1_));
  const Answer fresh = runAlone(ask(turn1_), false);
  ASSERT_EQ(files().size(), 1u);
  const auto size = fs::file_size(pathOf(files()[0]));
  for (const int64_t at : {0, 8, 40, 56, 72, 104, 115, int(size) - 1}) {
    SCOPED_TRACE(at);
    notices_.clear();
    {
      std::fstream file(pathOf(files()[0]), std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(at);
      const int old = file.get();
      file.seekp(at);
      file.put(char(old ^ 0x55));
    }
    const Answer a = runAlone(ask(turn1_));
    EXPECT_EQ(a.text, fresh.text);
    EXPECT_EQ(notices_.size(), 1u);
    ASSERT_EQ(files().size(), 1u) << "removed, and parked anew";
    const Answer healed = runAlone(ask(turn1_));
    EXPECT_EQ(healed.promptRows(), 9);
    EXPECT_EQ(healed.text, first.text);
  }
  notices_.clear();
  fs::resize_file(pathOf(files()[0]), size / 2);
  EXPECT_EQ(runAlone(ask(turn1_)).text, fresh.text);
  EXPECT_EQ(notices_.size(), 1u);
  EXPECT_NE(notices_[0].find(files()[0].name), std::string::npos) << notices_[0];
}

// Pages in front of a broken one count.
TEST_P(Parked, aBrokenLaterPageLeavesTheEarlierOnes) {
  runAlone(ask(turn1_));
  {
    std::fstream file(pathOf(files()[0]), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put('\x7f');
  }
  const Answer a = runAlone(ask(turn1_));
  EXPECT_EQ(a.text, runAlone(ask(turn1_), false).text);
  EXPECT_EQ(a.finished->cachedTokens % 64, 0);
  EXPECT_GE(a.finished->cachedTokens, 64);
}

TEST_P(Parked, otherModelsAndOtherCachesDoNotMeet) {
  runAlone(ask(turn1_));
  const auto before = files();
  {
    Engine engine;
    LoadOptions o = options(model());
    o.kvType = o.kvType == "f32" ? "f16" : "f32";
    ASSERT_TRUE(engine.load(o));
    EXPECT_EQ(run(engine, ask(turn1_)).finished->cachedTokens, 0);
  }
  {
    Engine engine;
    LoadOptions o = options(model());
    o.context = 512;
    ASSERT_TRUE(engine.load(o));
    EXPECT_EQ(run(engine, ask(turn1_)).finished->cachedTokens, 0);
  }
  EXPECT_EQ(runAlone(ask(turn1_), true, thinker()).finished->cachedTokens, 0);
  EXPECT_EQ(files().size(), 4u);
  // The same file name over another model's content: the header says whose it is.
  const auto others = files();
  const auto mine = std::ranges::find(others, before[0].name, &ParkedFile::name);
  const auto other = std::ranges::find_if(others, [&](const auto& f) { return f.name != before[0].name; });
  ASSERT_NE(mine, others.end());
  fs::copy_file(pathOf(*other), pathOf(*mine), fs::copy_options::overwrite_existing);
  notices_.clear();
  EXPECT_EQ(runAlone(ask(turn1_)).finished->cachedTokens, 0);
  EXPECT_EQ(notices_.size(), 1u);
  // New weights under the old path and of the same header.
  fs::last_write_time(model(), fs::last_write_time(model()) + std::chrono::seconds(5));
  EXPECT_EQ(runAlone(ask(turn1_)).finished->cachedTokens, 0);
}

TEST_P(Parked, theQuotaHoldsAndTheOldestGo) {
  runAlone(ask(turn1_));
  const uint64_t one = files()[0].bytes;
  quota_ = 3 * one + one / 2;
  for (int i = 0; i < 8; ++i) {
    runAlone(ask({{"user", std::string(1, char('a' + i)) + std::string(130, 'x')}}));
    uint64_t used = 0;
    for (const ParkedFile& f : files()) used += f.bytes;
    EXPECT_LE(used, quota_);
    EXPECT_GE(files().size(), 1u);
  }
  EXPECT_EQ(runAlone(ask({{"user", "h" + std::string(130, 'x')}})).promptRows(), 9) << "the last is there";
  EXPECT_GT(runAlone(ask(turn1_)).promptRows(), 9) << "the first is not";
  quota_ = one / 8;  // less than any file
  EXPECT_EQ(runAlone(ask({{"user", std::string(200, 'y')}})).error, "");
  EXPECT_EQ(notices_, std::vector<std::string>{});
}

TEST_P(Parked, offRemovesWhatIsThereAndNothingElse) {
  runAlone(ask(turn1_));
  std::ofstream(parked() + "/notes.txt") << "not ours";
  quota_ = 0;
  const Answer a = runAlone(ask(turn1_));
  EXPECT_EQ(a.finished->cachedTokens, 0);
  EXPECT_TRUE(files().empty());
  EXPECT_TRUE(fs::exists(parked() + "/notes.txt"));
}

TEST_P(Parked, aConversationCanBeForgotten) {
  runAlone(ask(turn1_));
  auto other = ask({{"user", std::string(200, 'z')}});
  other.conversation = "two";
  {
    Engine engine;
    load(engine);
    run(engine, other);
    Answer a;
    engine.start(ask(turn2()), [&a](const StreamEvent& e) {
      if (const auto* d = std::get_if<PartDelta>(&e)) a.text += d->text;
    });
    while (a.text.empty() && engine.step()) {
    }
    engine.forget("one");  // while it runs: its end parks nothing either
    while (engine.step()) {
    }
    engine.flushParked();
  }
  ASSERT_EQ(files().size(), 1u);
  EXPECT_TRUE(isOfConversation(files()[0].name, "two"));
  forgetParked(parked(), "two");
  EXPECT_TRUE(files().empty());
}

TEST_P(Parked, filesAreThisPersonsOnly) {
  runAlone(ask(turn1_));
  struct stat s {};
  ASSERT_EQ(stat(parked().c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777, 0700u);
  ASSERT_EQ(stat(pathOf(files()[0]).c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777, 0600u);
}

TEST_P(Parked, aFolderThatCannotBeIsOneSentence) {
  const Answer fresh = runAlone(ask(turn1_), false);
  std::ofstream(folder_ / "cache") << "a file where a folder should be";
  Engine engine;
  load(engine);
  EXPECT_EQ(run(engine, ask(turn1_)).text, fresh.text);
  run(engine, ask(turn2()));
  EXPECT_EQ(notices_.size(), 1u);
}

TEST_P(Parked, aFullDiskIsOneSentence) {
  const Answer fresh = runAlone(ask(turn1_), false);
  Engine engine;
  load(engine);
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  rlimit small = old;
  small.rlim_cur = 4096;
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Answer a = run(engine, ask(turn1_));
  engine.flushParked();
  run(engine, ask(turn2()));
  engine.flushParked();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, handler);
  EXPECT_EQ(a.text, fresh.text);
  EXPECT_EQ(notices_.size(), 1u);
  EXPECT_TRUE(fs::is_empty(parked())) << "no half of a file is left";
}

TEST_P(Parked, aCancelledReturnLosesNothing) {
  const Answer first = runAlone(ask(turn1_));
  Engine engine;
  load(engine);
  std::optional<Finished> finished;
  const RequestId id = engine.start(ask(turn1_), [&](const StreamEvent& e) {
    if (const auto* f = std::get_if<Finished>(&e)) finished = *f;
  });
  engine.cancel(id);
  while (engine.step()) {
  }
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->reason, StopReason::cancelled);
  const Answer again = run(engine, ask(turn1_));
  EXPECT_EQ(again.text, first.text);
  EXPECT_EQ(again.promptRows(), 9);
}

// More than the cache holds is parked by several conversations: bringing one back evicts others, and answers stay.
TEST_P(Parked, bringingBackMakesRoomInMemory) {
  const auto conversation = [](int i) {
    return ask({{"user", "Question " + std::to_string(i) + ": " + std::string(120, char('a' + i))}});
  };
  std::vector<std::string> fresh;
  {
    Engine engine;
    load(engine);
    for (int i = 0; i < 10; ++i) fresh.push_back(run(engine, conversation(i)).text);
  }
  Engine engine;
  LoadOptions o = options(model());
  ASSERT_TRUE(engine.load(o));
  for (int i = 0; i < 10; ++i) {
    const Answer a = run(engine, conversation(i));
    EXPECT_EQ(a.error, "");
    EXPECT_EQ(a.text, fresh[size_t(i)]);
    EXPECT_EQ(a.promptRows(), 9);
  }
}

std::vector<Place> places() {
  std::vector<Place> out;
  for (const BackendEntry& entry : backendList()) {
    for (const char* type : {"f16", "f32"}) out.push_back({std::string(entry.name), type});
  }
  return out;
}
INSTANTIATE_TEST_SUITE_P(All, Parked, testing::ValuesIn(places()),
                         [](const auto& i) { return i.param.backend + "_" + i.param.kvType; });

}  // namespace
}  // namespace lemma::test
