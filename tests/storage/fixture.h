// What the storage tests share: a folder of their own, a clock that is told the time, and short ways to ask and answer.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "storage/store.h"

namespace lemma::storage {

// Unwraps a Result; the test ends with the sentence when there is an error instead.
#define ASSERT_OK(result)                             \
  do {                                                \
    const auto& ok_ = (result);                       \
    ASSERT_TRUE(ok_.has_value()) << ok_.error().what; \
  } while (0)
#define TAKE(name, expression)                                          \
  auto name##_taken_ = (expression);                                    \
  ASSERT_TRUE(name##_taken_.has_value()) << name##_taken_.error().what; \
  auto name = std::move(*name##_taken_)

// Nightly the same tests do so many times as much.
inline int timesAsMuch() {
  const char* scale = std::getenv("LEMMA_TEST_SCALE");
  return scale ? std::max(1, std::atoi(scale)) : 1;
}

class TempFolder {
 public:
  // `inMemory`: where flushing costs nothing, for tests of thousands of rounds.
  explicit TempFolder(bool inMemory = false) {
    auto base = std::filesystem::temp_directory_path();
    if (inMemory && std::filesystem::is_directory("/dev/shm")) base = "/dev/shm";
    std::string pattern = (base / "lemma-storage-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string readFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void writeFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Every file of a folder with its bytes.
inline std::map<std::string, std::string> filesIn(const std::string& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    out[entry.path().filename().string()] = readFile(entry.path().string());
  return out;
}

inline AnswerSnapshot someSnapshot() {
  AnswerSnapshot s;
  s.modelId = "0123456789abcdef";
  s.modelName = "Tiny";
  s.architecture = "llama";
  s.quantisation = "Q4_1";
  s.templateHash = "feed";
  s.program = "Lemma 0.1.0";
  s.settings = {{"temperature", 0.6}, {"top_k", int64_t{40}}, {"think", std::string("medium")}};
  return s;
}

inline Part text(const std::string& words) { return {.kind = PartKind::text, .mime = "text/plain", .text = words}; }

class StoreTest : public ::testing::Test {
 protected:
  std::string path() const { return folder_ / "lemma.db"; }
  Result<Store> open() {
    return Store::open(path(), {.clock = [this] { return now_; }});
  }
  Sending question(const std::string& words, ConversationId conversation, bool fresh = false) {
    return {.conversation = conversation,
            .newConversation = fresh,
            .title = words,
            .question = ids_.message(),
            .answer = ids_.message(),
            .parts = {text(words)},
            .snapshot = someSnapshot()};
  }
  // Asks, streams one thought and one answer, seals.
  void turn(Store& store, const Sending& sending, const std::string& answer) {
    ASSERT_OK(store.send(sending));
    const DraftDelta deltas[] = {{PartKind::think, "hm ", 1, now_}, {PartKind::answer, answer, 2, now_ + 10}};
    ASSERT_OK(store.appendDraft(sending.answer, deltas));
    ASSERT_OK(store.seal({.message = sending.answer, .state = MessageState::complete, .stopReason = "end"}));
  }

  TempFolder folder_;
  Millis now_ = 1'800'000'000'000;
  IdGenerator ids_{[this] { return now_; }};
};

}  // namespace lemma::storage
