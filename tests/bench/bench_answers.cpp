// Many requests at once, through the whole engine: what answers side by side give together beside one alone, and how
// long an answer stands still while a long prompt arrives. Not a test; run it alone on the machine.
//   bench-answers MODEL [--threads 2] [--tokens 64] [--rounds 3] [--prompt 2048]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "engine/api/engine.h"
#include "engine/model.h"
#include "engine/tokenizer/tokenizer.h"

namespace lemma::test {
namespace {

double milliseconds() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// One answer and when each of its pieces came.
struct Heard {
  double asked = 0;
  std::vector<double> times;
  std::vector<int> tokens;  // so far, at those times
  bool ended = false;

  void take(const StreamEvent& e) {
    if (const auto* d = std::get_if<PartDelta>(&e)) {
      times.push_back(milliseconds());
      tokens.push_back(d->tokens);
    }
    ended |= std::holds_alternative<Finished>(e) || std::holds_alternative<Failed>(e);
    if (const auto* f = std::get_if<Failed>(&e)) std::puts(f->error.what.c_str());
  }
  int tokensAt(double time) const {
    const auto i = std::upper_bound(times.begin(), times.end(), time) - times.begin();
    return i == 0 ? 0 : tokens[size_t(i) - 1];
  }
};

class Answers {
 public:
  explicit Answers(Engine& engine) : engine_(engine) {
    for (const Token t : engine.model()->tokenizer()->endOfGeneration()) noEnd_.emplace_back(t, -1e9f);
  }

  ChatRequest request(const std::string& text, int tokens, uint64_t seed) const {
    ChatRequest r;
    r.turns = {{"user", text}};
    r.raw = true;
    r.sampling.seed = seed;
    r.sampling.logitBias = noEnd_;
    r.think = {.kind = ThinkBudget::Kind::off, .tokens = 0};
    r.maxAnswerTokens = tokens;
    r.speculate = Speculation::off;
    return r;
  }
  Heard& start(ChatRequest r) {
    Heard& h = heard_.emplace_back();
    h.asked = milliseconds();
    engine_.start(std::move(r), [&h](const StreamEvent& e) { h.take(e); });
    return h;
  }

  // Tokens a second of `count` answers together, from when all of them have begun until the first ends.
  double together(int count, int tokens) {
    std::vector<Heard*> all;
    heard_.reserve(64);
    for (int i = 0; i < count; ++i) {
      const std::string words = "This is story number " + std::to_string(++asked_) + ". It begins in a village";
      all.push_back(&start(request(words, tokens, uint64_t(asked_))));
    }
    const auto begun = [&] { return std::ranges::all_of(all, [](Heard* h) { return !h->times.empty(); }); };
    const auto ended = [&] { return std::ranges::any_of(all, [](Heard* h) { return h->ended; }); };
    while (!begun() && engine_.step()) {
    }
    const double from = milliseconds();
    while (!ended() && engine_.step()) {
    }
    const double to = milliseconds();
    while (engine_.step()) {
    }
    int sum = 0;
    for (Heard* h : all) sum += h->tokensAt(to) - h->tokensAt(from);
    heard_.clear();
    return sum * 1000.0 / (to - from);
  }

  // `count` answers run when a prompt of `tokens` arrives.
  void arrival(int count, int tokens) {
    heard_.reserve(64);
    std::vector<Heard*> running;
    for (int i = 0; i < count; ++i) {
      const std::string words = "Tale number " + std::to_string(++asked_) + " is about a river";
      running.push_back(&start(request(words, 4000, uint64_t(asked_))));
    }
    const auto last = [&] { return running.back()->tokens.empty() ? 0 : running.back()->tokens.back(); };
    while (last() < 16 && engine_.step()) {
    }
    const auto gaps = [&](double from, double to) {
      std::vector<double> all;
      for (const Heard* h : running) {
        for (size_t i = 1; i < h->times.size(); ++i) {
          if (h->times[i] > from && h->times[i - 1] < to) all.push_back(h->times[i] - h->times[i - 1]);
        }
      }
      std::sort(all.begin(), all.end());
      return all;
    };
    const std::vector<double> before = gaps(0, milliseconds());
    std::string text = "Chapter " + std::to_string(++asked_) + ".";
    const std::string sentence = " The old ship sailed slowly past seven green islands.";
    while (*engine_.countTokens(request(text, 1, 1)) < tokens) text += sentence;
    const Heard& arrived = start(request(text, 4, 1));
    while (arrived.times.empty() && engine_.step()) {
    }
    const double answered = arrived.times.front();
    const std::vector<double> during = gaps(arrived.asked, answered);
    if (before.empty() || during.empty()) return std::puts("an answer ended early"), void();
    std::printf(
        "%d running, a prompt of %d arrives: its first token after %.0f ms; between tokens of an answer before it "
        "median %.1f ms, most %.1f; meanwhile median %.1f, most %.1f ms, %zu tokens\n",
        count, *engine_.countTokens(request(text, 1, 1)), answered - arrived.asked, before[before.size() / 2],
        before.back(), during[during.size() / 2], during.back(), during.size());
    engine_.unload();
    heard_.clear();
  }

 private:
  Engine& engine_;
  std::vector<std::pair<Token, float>> noEnd_;
  std::vector<Heard> heard_;
  int asked_ = 0;
};

int main(int argc, char** argv) {
  std::map<std::string, std::string> options{
      {"--threads", "2"}, {"--tokens", "64"}, {"--rounds", "3"}, {"--prompt", "2048"}};
  for (int i = 2; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  const auto number = [&](const char* name) { return std::atoi(options[name].c_str()); };
  if (argc < 2) return std::puts("bench-answers MODEL ..."), 2;
  const LoadOptions load{.path = argv[1], .threads = number("--threads")};
  Engine engine;
  const auto loaded = [&] {
    const auto info = engine.load(load);
    if (!info) std::puts(info.error().what.c_str());
    return bool(info);
  };
  if (!loaded()) return 2;
  {
    Answers answers(engine);
    std::map<int, double> best;
    answers.together(8, 8);  // pages of the weights are there
    for (int round = 0; round < number("--rounds"); ++round) {
      for (const int count : {1, 2, 4, 8, 16}) {
        best[count] = std::max(best[count], answers.together(count, number("--tokens")));
      }
    }
    for (const auto& [count, speed] : best) {
      std::printf("%2d answers: %.1f tok/s together, %.2f times one\n", count, speed, speed / best[1]);
    }
  }
  for (const int count : {1, 7, 1, 7}) {
    if (number("--prompt") == 0) break;
    if (!loaded()) return 2;
    Answers(engine).arrival(count, number("--prompt"));
  }
  return 0;
}

}  // namespace
}  // namespace lemma::test

int main(int argc, char** argv) { return lemma::test::main(argc, argv); }
