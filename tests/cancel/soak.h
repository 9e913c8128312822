// Many questions in a row: of every length, a fifth of them cancelled, one of twenty malformed. Nothing is left behind:
// memory of the process's own (in RAM or swapped out), open files, threads, pages of the cache. Test code only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "engine/model.h"
#include "tests/speculate/answers.h"
#include "tests/support/process_meter.h"
#include "tests/support/temporary_folder.h"

namespace lemma::test {

// What a question may leave behind on average once the first fifth is over.
constexpr double kBytesOfAQuestion = 1024;

inline size_t entriesOf(const char* folder) {
  return size_t(std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

class Soak {
 public:
  Soak(const std::string& path, int context, int mostWords, int mostTokens, uint32_t seed)
      : context_(context), mostWords_(mostWords), mostTokens_(mostTokens), random_(seed) {
    const auto info = engine_.load({.path = path,
                                    .context = context,
                                    .batch = 128,
                                    .threads = 1,
                                    .parking = {.folder = folder_ / "parked", .quotaBytes = 4 << 20, .notice = {}}});
    EXPECT_TRUE(info) << info.error().what;
  }

  void run(int count) {
    ASSERT_NE(engine_.model(), nullptr);
    const int wholeBefore = wholeContext();
    std::vector<double> own;
    size_t files = 0, threads = 0;
    for (int i = 0; i < count && !testing::Test::HasFatalFailure(); ++i) {
      SCOPED_TRACE("question " + std::to_string(i));
      ask(i);
      if (i == count / 5) {
        engine_.flushParked();
        files = entriesOf("/proc/self/fd");
        threads = entriesOf("/proc/self/task");
      }
      if (i >= count / 5) own.push_back(ownBytes());
    }
    engine_.flushParked();
    EXPECT_EQ(entriesOf("/proc/self/fd"), files);
    EXPECT_EQ(entriesOf("/proc/self/task"), threads);
    EXPECT_EQ(wholeContext(), wholeBefore) << "pages of the cache are missing";
    EXPECT_GT(finished_, count / 2);
    EXPECT_GT(cancelled_, count / 10);
    EXPECT_GT(refused_, count / 40);
    // By the medians of the first and the last tenth: single looks jump by what is in flight.
    const auto median = [](std::vector<double> part) {
      std::ranges::nth_element(part, part.begin() + ptrdiff_t(part.size() / 2));
      return part[part.size() / 2];
    };
    const auto tenth = ptrdiff_t(own.size() / 10);
    const double growth = (median({own.end() - tenth, own.end()}) - median({own.begin(), own.begin() + tenth}));
    const double each = growth / (double(own.size()) * 0.9);
    std::printf("%d questions (%d answered, %d cancelled, %d refused): %.1f MiB at the end, %+.0f bytes a question\n",
                count, finished_, cancelled_, refused_, own.back() / (1 << 20), each);
    EXPECT_LE(each, kBytesOfAQuestion);
  }

 private:
  int below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random_); }

  std::string words(int count) {
    static const char* const kWords[] = {"river", "stone ", "a", "lantern", "under", "seven", "quiet", "sails"};
    std::string text = "Note " + std::to_string(below(1'000'000)) + ".";
    for (int i = 0; i < count; ++i) text += std::string(" ") + kWords[below(8)];
    return text;
  }

  ChatRequest plain(int mostWords) {
    ChatRequest r;
    r.turns = {{"user", words(1 + below(mostWords))}};
    r.conversation = "conversation " + std::to_string(below(40));
    r.sampling.seed = uint64_t(below(1000));
    r.maxAnswerTokens = 1 + below(mostTokens_);
    r.think.kind = below(3) == 0 ? ThinkBudget::Kind::tokens : ThinkBudget::Kind::off;
    r.think.tokens = 8;
    return r;
  }

  ChatRequest malformed() {
    ChatRequest r = plain(mostWords_);
    switch (below(4)) {
      case 0:
        r.turns.back().content = words(context_ * 4);  // longer than the context
        break;
      case 1:
        r.templateOverride = "{% for m in messages %}{{ m.content";
        break;
      case 2:
        r.templateOverride = "{{ raise_exception('no') }}";
        break;
      default:
        r.turns.back().content = "\xff\xfe broken \xc3";
        r.maxAnswerTokens = 1;
    }
    return r;
  }

  void ask(int i) {
    Heard heard;
    const bool odd = i % 20 == 7, cancelled = i % 5 == 2;
    ChatRequest request = odd ? malformed() : plain(mostWords_);
    if (cancelled) request.maxAnswerTokens = mostTokens_ * 4;
    const RequestId id = engine_.start(std::move(request), [&heard](const StreamEvent& e) { heard.take(e); });
    const int until = below(mostTokens_);
    for (int step = 0; engine_.step(); ++step) {
      if (cancelled && step == until) engine_.cancel(id);
    }
    ASSERT_TRUE(heard.finished || !heard.error.empty());
    if (!heard.finished) {
      EXPECT_TRUE(odd) << heard.error;
      ++refused_;
    } else if (heard.finished->reason == StopReason::cancelled) {
      ++cancelled_;
    } else {
      ++finished_;
    }
  }

  // A prompt that needs nearly all pages, whatever was kept before: how many of its tokens were read.
  int wholeContext() {
    ChatRequest r;
    r.raw = true;
    std::string text;
    for (int i = 0; int(text.size()) < context_ * 8; ++i) text += " river stone";
    r.turns = {{"user", text}};
    r.maxAnswerTokens = 1;
    for (size_t most = text.size();; most = most * 9 / 10) {  // the longest that fits
      r.turns.back().content = text.substr(0, most);
      const auto heard = lemma::test::run(engine_, r);
      if (heard.finished) return heard.finished->promptTokens;
      if (most < 16) {
        ADD_FAILURE() << heard.error;
        return 0;
      }
    }
  }

  const TemporaryFolder folder_;
  Engine engine_;
  const int context_, mostWords_, mostTokens_;
  std::mt19937 random_;
  int finished_ = 0, cancelled_ = 0, refused_ = 0;
};

}  // namespace lemma::test
