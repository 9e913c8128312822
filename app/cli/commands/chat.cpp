// chat: a conversation in the terminal, line by line.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>

#include "app/cli/commands/commands.h"
#include "app/cli/conversation.h"
#include "app/cli/exit_code.h"
#include "app/cli/line_reader.h"
#include "app/cli/output.h"

namespace lemma::cli {
namespace {

constexpr const char* kHelp =
    "/new starts over, /think EFFORT sets the thinking (off, low, medium, high, max or tokens), /quit or Ctrl-D "
    "leaves.\n"
    "Ctrl-C stops an answer, twice leaves.\n";

// Ctrl-C of a conversation: stops the answer that runs, else wakes the prompt; the second in a row leaves.
class Presses {
 public:
  Presses(Engine& engine, LineReader& reader) : engine_(engine), reader_(reader) {}
  void press() {  // on the watcher's thread
    if (++count_ > 2) std::_Exit(kInterrupted);
    const std::lock_guard lock(mutex_);
    if (running_) {
      engine_.cancel(*running_);
    } else {
      reader_.wake();
    }
  }
  void run(std::optional<RequestId> id) {
    const std::lock_guard lock(mutex_);
    running_ = id;
  }
  void forgive() { count_ = 0; }
  int count() const { return count_; }

 private:
  Engine& engine_;
  LineReader& reader_;
  std::atomic<int> count_{0};
  std::mutex mutex_;  // guards running_
  std::optional<RequestId> running_;
};

class Chat {
 public:
  Chat(Engine& engine, const ConversationOptions& options, ModelInfo model, Presses& presses)
      : engine_(engine), options_(options), model_(std::move(model)), presses_(presses) {}

  // False when the person wants to leave.
  bool onLine(const std::string& line) {
    if (line.find_first_not_of(" \t") == std::string::npos) return true;
    if (line == "/quit" || line == "/exit") return false;
    if (line == "/help") {
      std::fputs(kHelp, stderr);
    } else if (line == "/new") {
      turns_.clear();
      std::fputs("A new conversation.\n", stderr);
    } else if (line.rfind("/think ", 0) == 0) {
      if (const auto budget = parseThink(line.substr(7))) {
        options_.think.budget = *budget;
      } else {
        std::fputs("The effort is off, low, medium, high, max or a number of tokens.\n", stderr);
      }
    } else {
      say(line);
    }
    return true;
  }
  bool failed() const { return failed_; }

 private:
  void say(const std::string& text) {
    auto request = requestOf(options_, model_);
    if (!request) return fail(request.error());
    turns_.push_back({"user", validUtf8(text)});
    request->turns.insert(request->turns.end(), turns_.begin(), turns_.end());
    AnswerPrinter printer(isTerminal(stdout), options_.answerOnly);
    ProgressLine progress;
    const Answered answered = answer(
        engine_, std::move(*request), [this](RequestId id) { presses_.run(id); },
        [&](const StreamEvent& event) {
          if (const auto* p = std::get_if<PromptProgress>(&event)) {
            return progress.show("Reading: " + std::to_string(p->done) + " of " + std::to_string(p->total) + " tokens");
          }
          progress.clear();
          if (const auto* delta = std::get_if<PartDelta>(&event)) printer.print(*delta);
        });
    presses_.run(std::nullopt);
    printer.finish();
    // What was said stays, also where it was stopped; a question without a word of answer does not.
    if (answered.answer.empty()) {
      turns_.pop_back();
    } else {
      turns_.push_back({"assistant", answered.answer});
    }
    if (answered.error) return fail(*answered.error);
    const bool dim = isTerminal(stderr);
    std::string note = speedLine(*answered.finished);
    if (answered.finished->reason == StopReason::cancelled) note.insert(0, "Stopped; ");
    if (const int left = answered.finished->turnsLeftOut) {
      note += ", " + std::to_string(left) + " oldest messages no longer fit";
    }
    std::fprintf(stderr, "%s%s%s\n\n", dim ? "\x1b[2m" : "", note.c_str(), dim ? "\x1b[0m" : "");
  }

  void fail(const Error& error) {
    failed_ = true;
    report(error);
  }

  Engine& engine_;
  ConversationOptions options_;
  ModelInfo model_;
  Presses& presses_;
  std::vector<ChatTurn> turns_;
  bool failed_ = false;
};

int chat(const ConversationOptions& o) {
  Interrupt interrupt;
  if (const auto request = requestOf(o, ModelInfo{}); !request) return report(request.error());
  Engine engine;
  const auto model = load(engine, o, interrupt);
  if (!model) return report(model.error());

  const bool terminal = isTerminal(stdin) && isTerminal(stdout);
  if (terminal) {
    std::fprintf(stderr, "%s, %d tokens of context, %llu MB of memory beside its file. /help says more.\n\n",
                 withoutControls(model->name).c_str(), model->contextSize,
                 static_cast<unsigned long long>((model->memoryBytes + 999'999) / 1'000'000));
  }
  LineReader reader;
  Presses presses(engine, reader);
  Chat conversation(engine, o, *model, presses);
  interrupt.onSignal([&presses] { presses.press(); });
  int code = kDone;
  for (;;) {
    if (terminal) {
      std::fputs("> ", stdout);
      std::fflush(stdout);
    }
    const LineReader::Read read = reader.next();
    if (std::holds_alternative<LineReader::End>(read)) {
      if (terminal) std::fputs("\n", stdout);
      if (conversation.failed() && !terminal) code = kFailed;
      if (presses.count() > 0) code = kInterrupted;
      break;
    }
    if (const auto* line = std::get_if<std::string>(&read)) {
      presses.forgive();
      if (!conversation.onLine(*line)) break;
    }
    if (presses.count() > 1) {
      code = kInterrupted;
      break;
    }
    if (std::holds_alternative<LineReader::Woken>(read)) std::fputs("\nCtrl-C again leaves.\n", stderr);
  }
  interrupt.removeHandler();
  return code;
}

}  // namespace

void addChat(CommandLine& line) {
  auto options = std::make_shared<ConversationOptions>();
  CLI::App& app =
      *line.app.add_subcommand("chat", "A conversation in the terminal; Ctrl-C stops an answer, twice leaves");
  addConversationOptions(app, *options);
  app.callback([&line, options] { line.chosen = [options] { return chat(*options); }; });
}

}  // namespace lemma::cli
