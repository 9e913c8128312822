// What ask and chat share: their options, loading with progress, and one answer from the engine.
// Owner: a command; everything on its thread, which owns the Engine.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "app/cli/interrupt.h"
#include "app/cli/options.h"
#include "engine/api/engine.h"

namespace lemma::cli {

struct ConversationOptions {
  ModelOptions model;
  SamplingOptions sampling;
  ThinkOptions think;
  std::string system, templatePath, draftModel;
  Speculation speculate = Speculation::automatic;
  bool answerOnly = false;
  std::optional<uint64_t> park;  // bytes of disk for what was read; 0 = what is there is removed
};

void addConversationOptions(CLI::App& app, ConversationOptions& options);

// Shows its progress on stderr; Ctrl-C stops it.
Result<ModelInfo> load(Engine& engine, const ConversationOptions& options, const Interrupt& interrupt);

// Everything of a request but its turns: system message, effort, sampling, limits, template.
Result<ChatRequest> requestOf(const ConversationOptions& options, const ModelInfo& model);

// `text` with bytes that are not UTF-8 as U+FFFD: command lines and files may hold anything, templates want text.
std::string validUtf8(std::string_view text);

// One answer as it came out; `finished` or `error` is set.
struct Answered {
  std::string think, answer;
  std::optional<Finished> finished;
  std::optional<Error> error;
};

// Runs one request to its end. `started` learns the id by which it can be cancelled, `event` sees everything it does.
Answered answer(Engine& engine, ChatRequest request, const std::function<void(RequestId)>& started,
                const Engine::Sink& event);

// "prompt 45 tokens (12 cached) at 320 tok/s, thought 120, answer 30 tokens at 102 tok/s, first token after 0.15 s"
std::string speedLine(const Finished& finished);
// "guessed 40 tokens, 31 of them right (78 %); 152 rows computed"
std::string workLine(const Finished& finished);

}  // namespace lemma::cli
