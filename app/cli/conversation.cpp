#include "app/cli/conversation.h"

#include <cstdio>
#include <map>

#include "app/cli/input.h"
#include "app/cli/output.h"
#include "engine/api/template_refusal.h"
#include "engine/text/utf8_stream.h"

namespace lemma::cli {
namespace {

constexpr std::string_view kBuiltin = "builtin";

// A template of the file that refuses the conversation, or never ends, need not be the end of it.
Error withAdvice(Error error, bool ownTemplate) {
  if (ownTemplate && isTemplateRefusal(error)) {
    error.what += "; --template builtin speaks to the model in a format of Lemma's own";
  }
  return error;
}

void addSpeculationOptions(CLI::App& app, ConversationOptions& options) {
  static const std::map<std::string, Speculation> kWays{{"off", Speculation::off},
                                                        {"auto", Speculation::automatic},
                                                        {"ngram", Speculation::ngram},
                                                        {"draft", Speculation::draft}};
  app.add_option_function<std::string>(
         "--speculate", [&options](const std::string& way) { options.speculate = kWays.at(way); },
         "Guess tokens and check several in one pass, where that is faster; the answer is the same. ngram: as the "
         "conversation went on before; draft: by --draft-model or the model's own layer for it; auto: ngram, and "
         "--draft-model where there is one")
      ->check(CLI::IsMember({"off", "auto", "ngram", "draft"}))
      ->type_name("off|auto|ngram|draft")
      ->default_str("auto");
  app.add_option("--draft-model", options.draftModel, "Smaller model of the same vocabulary that guesses tokens")
      ->type_name("FILE");
}

// "on", "off", or bytes: "512M", "4G".
std::optional<uint64_t> parseDiskSpace(std::string text) {
  if (text == "off") return 0;
  if (text == "on") return kParkingQuota;
  constexpr std::string_view kUnits = "KMGT";
  const size_t unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  const int shift = unit == std::string_view::npos ? 0 : 10 * (int(unit) + 1);
  if (shift > 0) text.pop_back();
  const auto number = parseInteger(text);
  if (!number || *number < 0 || uint64_t(*number) > (uint64_t(1) << 50) >> shift) return std::nullopt;
  return uint64_t(*number) << shift;
}

void addParkOption(CLI::App& app, ConversationOptions& options) {
  app.add_option_function<std::string>(
         "--park",
         [&options](const std::string& text) {
           options.park = parseDiskSpace(text);
           if (!options.park) {
             throw CLI::ValidationError("--park", "'" + text + "' is not on, off or an amount of disk, 512M or 4G");
           }
         },
         "Keep what was read on disk, so that a conversation that comes again is not read anew; on is 4G; off removes "
         "what is there (" +
             parkedFolder() + ")")
      ->type_name("on|off|SIZE")
      ->default_str("neither kept nor looked for");
}

}  // namespace

void addConversationOptions(CLI::App& app, ConversationOptions& options) {
  addModelPath(app, options.model.path);
  addThinkOption(app, options.think);
  app.add_option("--system", options.system, "System message")->type_name("TEXT");
  app.add_option("--template", options.templatePath,
                 "Jinja chat template to use in place of the model's own, or " + std::string(kBuiltin) +
                     ": the format that fits its vocabulary")
      ->type_name("FILE");
  app.add_flag("--answer-only", options.answerOnly, "Leave the thought out of what is printed");
  addSamplingOptions(app, options.sampling);
  addSpeculationOptions(app, options);
  addParkOption(app, options);
  addContextOption(app, options.model);
  addComputeOptions(app, options.model);
}

Result<ModelInfo> load(Engine& engine, const ConversationOptions& options, const Interrupt& interrupt) {
  ProgressLine line;
  LoadOptions how = loadOptions(options.model);
  how.draftModel = options.draftModel;
  if (options.park) {
    how.parking = {.folder = parkedFolder(), .quotaBytes = *options.park, .notice = [](const std::string& sentence) {
                     std::fprintf(stderr, "%s\n", sentence.c_str());
                   }};
  }
  how.draft = options.speculate == Speculation::draft && options.draftModel.empty();
  auto model = engine.load(
      how,
      [&line](LoadProgress p) { line.show("Loading " + humanBytes(p.bytesDone) + " of " + humanBytes(p.bytesTotal)); },
      interrupt.token());
  line.clear();
  if (model && !model->templateNotice.empty()) std::fprintf(stderr, "%s\n", model->templateNotice.c_str());
  return model;
}

Result<ChatRequest> requestOf(const ConversationOptions& options, const ModelInfo& model) {
  ChatRequest request;
  if (!options.system.empty()) request.turns.push_back({"system", validUtf8(options.system)});
  request.sampling = samplerSettings(options.sampling, model.recommended);
  request.think = options.think.budget;
  request.maxAnswerTokens = options.sampling.maxTokens;
  request.stop = options.sampling.stop;
  request.speculate = options.speculate;
  request.builtinTemplate = options.templatePath == kBuiltin;
  if (!options.templatePath.empty() && !request.builtinTemplate) {
    LEMMA_TRY(source, readFile(options.templatePath, kMaxTemplateBytes));
    if (source.empty()) return fail(Err::badValue, options.templatePath + " is empty.");
    request.templateOverride = validUtf8(source);
  }
  return request;
}

std::string validUtf8(std::string_view text) {
  Utf8Stream stream;
  std::string out(stream.push(text));
  return out + stream.flush();
}

Answered answer(Engine& engine, ChatRequest request, const std::function<void(RequestId)>& started,
                const Engine::Sink& event) {
  Answered result;
  const bool ownTemplate = usesOwnTemplate(request);
  const RequestId id = engine.start(std::move(request), [&](const StreamEvent& e) {
    if (const auto* delta = std::get_if<PartDelta>(&e)) {
      (delta->kind == PartKind::think ? result.think : result.answer) += delta->text;
    } else if (const auto* finished = std::get_if<Finished>(&e)) {
      result.finished = *finished;
    } else if (const auto* failed = std::get_if<Failed>(&e)) {
      result.error = withAdvice(failed->error, ownTemplate);
    }
    event(e);
  });
  started(id);
  while (engine.step()) {
  }
  return result;
}

std::string speedLine(const Finished& f) {
  std::string text = "prompt " + std::to_string(f.promptTokens) + " tokens";
  if (f.cachedTokens > 0) text += " (" + std::to_string(f.cachedTokens) + " cached)";
  text += " at " + fixed(f.promptTps, 0) + " tok/s, ";
  if (f.thinkTokens > 0) text += "thought " + std::to_string(f.thinkTokens) + ", ";
  text += "answer " + std::to_string(f.answerTokens) + " tokens at " + fixed(f.genTps, 1) +
          " tok/s, first token after " + fixed(f.ttftMs / 1000, 2) + " s";
  return text;
}

std::string workLine(const Finished& f) {
  std::string text = "guessed " + std::to_string(f.guessedTokens) + " tokens";
  if (f.guessedTokens > 0) {
    text += ", " + std::to_string(f.acceptedTokens) + " of them right (" +
            fixed(100.0 * f.acceptedTokens / f.guessedTokens, 0) + " %)";
  }
  return text + "; " + std::to_string(f.computedTokens) + " rows computed";
}

}  // namespace lemma::cli
