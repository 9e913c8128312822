#include "app/cli/trace.h"

#include <cerrno>
#include <cstring>
#include <variant>

namespace lemma::cli {
namespace {

std::string_view name(ThoughtEnded::Why why) {
  switch (why) {
    case ThoughtEnded::Why::model:
      return "model";
    case ThoughtEnded::Why::budget:
      return "budget";
    case ThoughtEnded::Why::person:
      return "person";
    case ThoughtEnded::Why::repeating:
      return "repeating";
  }
  return "model";
}

}  // namespace

std::string_view name(PartKind kind) { return kind == PartKind::think ? "think" : "answer"; }

Json toJson(const Finished& f) {
  return {{"stop_reason", lemma::name(f.reason)},
          {"prompt_tokens", f.promptTokens},
          {"cached_tokens", f.cachedTokens},
          {"think_tokens", f.thinkTokens},
          {"answer_tokens", f.answerTokens},
          {"context_used", f.contextUsed},
          {"context_size", f.contextSize},
          {"turns_left_out", f.turnsLeftOut},
          {"guessed_tokens", f.guessedTokens},
          {"accepted_tokens", f.acceptedTokens},
          {"computed_tokens", f.computedTokens},
          {"ttft_ms", f.ttftMs},
          {"think_ms", f.thinkMs},
          {"total_ms", f.totalMs},
          {"prompt_tps", f.promptTps},
          {"gen_tps", f.genTps},
          {"seed", f.seed}};
}

Result<Trace> Trace::open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (!file) return fail(Err::unreadable, "Cannot write " + path + ": " + std::strerror(errno) + ".");
  return Trace(path, file);
}

void Trace::write(const std::string& event, Json fields) {
  const std::chrono::duration<double, std::milli> since = std::chrono::steady_clock::now() - start_;
  Json line{{"t_ms", since.count()}, {"event", event}};
  line.update(fields);
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::fwrite(text.data(), 1, text.size(), file_.get());
}

void Trace::write(const StreamEvent& event) {
  if (const auto* p = std::get_if<PromptProgress>(&event)) {
    write("prompt",
          {{"done", p->done}, {"total", p->total}, {"cached", p->cached}, {"turns_left_out", p->turnsLeftOut}});
  } else if (const auto* delta = std::get_if<PartDelta>(&event)) {
    write("delta", {{"part", name(delta->kind)}, {"text", delta->text}, {"tokens", delta->tokens}});
  } else if (const auto* ended = std::get_if<ThoughtEnded>(&event)) {
    write("thought_ended", {{"why", name(ended->why)}});
  } else if (const auto* finished = std::get_if<Finished>(&event)) {
    write("finished", toJson(*finished));
  } else if (const auto* failed = std::get_if<Failed>(&event)) {
    write("failed", {{"error", failed->error.what}});
  }
}

Result<void> Trace::close() {
  const bool broken = std::ferror(file_.get());
  if (std::fclose(file_.release()) != 0 || broken) return fail(Err::internal, "Cannot write all of " + path_ + ".");
  return {};
}

}  // namespace lemma::cli
