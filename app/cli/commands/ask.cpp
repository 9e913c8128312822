// ask: one question, the thought and the answer as they stream, or one JSON object.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

#include "app/cli/commands/commands.h"
#include "app/cli/conversation.h"
#include "app/cli/exit_code.h"
#include "app/cli/input.h"
#include "app/cli/output.h"
#include "app/cli/trace.h"

namespace lemma::cli {
namespace {

struct AskOptions {
  ConversationOptions conversation;
  std::string prompt, tracePath;
  bool raw = false, json = false, verbose = false;
};

Result<std::vector<ChatTurn>> messagesFromStdin() {
  LEMMA_TRY(text, readStdin(kMaxJsonBytes));
  LEMMA_TRY(messages, parseJson(text, "stdin"));
  if (!messages.is_array() || messages.empty()) return fail(Err::badValue, "stdin is not a JSON array of messages.");
  std::vector<ChatTurn> turns;
  for (const Json& message : messages) {
    const auto field = [&](const char* key) -> const std::string* {
      const auto found = message.is_object() ? message.find(key) : message.end();
      return found == message.end() ? nullptr : found->get_ptr<const std::string*>();
    };
    const std::string *role = field("role"), *content = field("content");
    if (!role || !content || role->empty()) {
      return fail(Err::badValue, "stdin: message " + std::to_string(turns.size()) +
                                     " is not an object with strings \"role\" and \"content\".");
    }
    turns.push_back({*role, *content});
  }
  return turns;
}

// The turns that the command line and stdin ask for, behind those the request has (a system message).
Result<void> addTurns(const AskOptions& o, std::vector<ChatTurn>& turns) {
  if (o.raw) {
    std::string text = o.prompt;
    if (text == "-") {
      LEMMA_TRY(given, readStdin(kMaxTextBytes));
      text = std::move(given);
    }
    if (!turns.empty()) return fail(Err::badValue, "--raw continues a text; it has no system message.");
    turns.push_back({"user", validUtf8(text)});
  } else if (o.prompt == "-") {
    LEMMA_TRY(messages, messagesFromStdin());
    if (!turns.empty() && messages.front().role == "system") {
      return fail(Err::badValue, "There is a system message on stdin and one in --system.");
    }
    turns.insert(turns.end(), messages.begin(), messages.end());
  } else {
    turns.push_back({"user", validUtf8(o.prompt)});
  }
  if (turns.back().content.empty()) return fail(Err::badValue, "The prompt is empty.");
  return {};
}

void printResult(const ModelInfo& model, const Answered& a, uint64_t seed) {
  const Finished f = a.finished.value_or(Finished{.reason = StopReason::error, .seed = seed});
  Json out{{"schema", "lemma.ask/1"}, {"model", model.name}, {"model_id", model.id},
           {"path", model.path},      {"think", a.think},    {"answer", a.answer}};
  out.update(toJson(f));
  if (a.error) out["error"] = a.error->what;
  printJson(out, true);
}

// What a person should know beside the answer.
void printNotes(const Answered& a, uint64_t seed, bool verbose, const std::string& experts) {
  const Finished& f = *a.finished;
  const bool dim = isTerminal(stderr);
  if (f.turnsLeftOut > 0) {
    std::fprintf(stderr, "The context was too small for %d of the oldest messages.\n", f.turnsLeftOut);
  }
  if (f.reason == StopReason::context) std::fprintf(stderr, "The context of %d tokens is full.\n", f.contextSize);
  const auto note = [dim](const std::string& line) {
    std::fprintf(stderr, "%s%s%s\n", dim ? "\x1b[2m" : "", line.c_str(), dim ? "\x1b[0m" : "");
  };
  if (verbose) note(workLine(f));
  if (verbose && !experts.empty()) note(experts);
  note(speedLine(f) + ", seed " + std::to_string(seed));
}

int ask(const AskOptions& o) {
  Interrupt interrupt;
  std::optional<Trace> trace;
  if (!o.tracePath.empty()) {
    auto opened = Trace::open(o.tracePath);
    if (!opened) return report(opened.error());
    trace = std::move(*opened);
  }
  // What can be refused is refused before the model is read.
  auto request = requestOf(o.conversation, ModelInfo{});
  if (!request) return report(request.error());
  if (const auto turns = addTurns(o, request->turns); !turns) return report(turns.error());

  Engine engine;
  const auto model = load(engine, o.conversation, interrupt);
  if (!model) return report(model.error());
  request->raw = o.raw;
  request->sampling = samplerSettings(o.conversation.sampling, model->recommended);
  const uint64_t seed = request->sampling.seed;
  if (trace) trace->write("loaded", {{"model", model->name}});

  AnswerPrinter printer(isTerminal(stdout), o.conversation.answerOnly);
  ProgressLine progress;
  const Answered answered = answer(
      engine, std::move(*request),
      [&](RequestId id) {
        auto presses = std::make_shared<std::atomic<int>>(0);
        interrupt.onSignal([&engine, id, presses] {
          if (++*presses > 1) std::_Exit(kInterrupted);
          engine.cancel(id);
        });
      },
      [&](const StreamEvent& event) {
        if (trace) trace->write(event);
        if (const auto* p = std::get_if<PromptProgress>(&event)) {
          progress.show("Reading the prompt: " + std::to_string(p->done) + " of " + std::to_string(p->total) +
                        " tokens");
          return;
        }
        progress.clear();
        if (const auto* delta = std::get_if<PartDelta>(&event); delta && !o.json) printer.print(*delta);
      });
  interrupt.removeHandler();

  if (!o.json) printer.finish();
  if (o.json) printResult(*model, answered, seed);
  if (trace) {
    if (const auto closed = trace->close(); !closed) return report(closed.error());
  }
  if (answered.error) return report(*answered.error);
  if (!o.json) printNotes(answered, answered.finished->seed, o.verbose, expertLine(engine.model()->expertStats()));
  return answered.finished->reason == StopReason::cancelled ? kInterrupted : kDone;
}

}  // namespace

void addAsk(CommandLine& line) {
  auto options = std::make_shared<AskOptions>();
  CLI::App& app = *line.app.add_subcommand(
      "ask", "Ask a question; on a terminal the thought is dimmed, elsewhere it stands between <think> and </think>");
  app.add_option("prompt", options->prompt, "The question; - reads a JSON array of messages from stdin")
      ->type_name("TEXT")
      ->required();
  app.add_flag("--raw", options->raw, "Continue the text without a chat template; - reads it from stdin");
  app.add_flag("--json", options->json, "Print one JSON object at the end, schema lemma.ask/1");
  app.add_flag("--verbose", options->verbose,
               "Also say what was guessed, what was computed and what was read of experts");
  app.add_option("--trace", options->tracePath, "Write what happens, with times, as JSON lines")->type_name("FILE");
  addConversationOptions(app, options->conversation);
  app.callback([&line, options] { line.chosen = [options] { return ask(*options); }; });
}

}  // namespace lemma::cli
