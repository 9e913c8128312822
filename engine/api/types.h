// The values that cross the engine's border. Pure values, any thread. app translates them for ui and storage.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/api/result.h"

namespace lemma {

enum class Token : int32_t {};
enum class SeqId : int32_t {};
enum class RequestId : uint64_t {};

struct SamplerSettings {
  float temperature = 0.6f;  // 0 = greedy
  int topK = 40;             // 0 = off
  float topP = 0.95f;        // 1 = off
  float minP = 0.05f;        // 0 = off
  float repeat = 1.0f;       // repetition penalty, 1 = off
  float presence = 0.0f;
  float frequency = 0.0f;
  int penaltyWindow = 64;  // tokens the penalties look back
  uint64_t seed = 0;
  std::vector<std::pair<Token, float>> logitBias;
  bool operator==(const SamplerSettings&) const = default;
};

// How long a model may think before it answers.
struct ThinkBudget {
  enum class Kind : uint8_t { off, tokens, max } kind = Kind::tokens;
  int tokens = 2048;
  bool operator==(const ThinkBudget&) const = default;
};
inline constexpr int kThinkLow = 512, kThinkMedium = 2048, kThinkHigh = 8192;

// Whether tokens are guessed and several checked in one pass. The answer is the same; only its speed may differ.
enum class Speculation : uint8_t {
  off,
  automatic,  // ngram, and draft where the model was loaded for it
  ngram,      // what followed the last tokens earlier in the conversation
  draft,      // the model's own layer for it or a draft model, as LoadOptions say
};

struct ChatTurn {
  std::string role;     // system, user, assistant, tool
  std::string content;  // the answer only; thoughts of earlier turns are left out
  bool operator==(const ChatTurn&) const = default;
};

struct ChatRequest {
  std::vector<ChatTurn> turns;  // oldest first
  std::string continueThink;    // Continue: thought so far of the answer that goes on
  std::string continueAnswer;   // Continue: answer so far; where there is one, the thought had ended
  SamplerSettings sampling;
  ThinkBudget think;
  int maxAnswerTokens = 0;  // 0 = what the context holds
  std::vector<std::string> stop;
  Speculation speculate = Speculation::automatic;
  bool raw = false;              // turns[0].content is continued without a template
  std::string templateOverride;  // Jinja source; empty = the model's own
  std::string conversation;      // its name, by which what is parked of it can be removed again
  bool builtinTemplate = false;  // the format that fits the vocabulary, whatever the model's own template says
  bool operator==(const ChatRequest&) const = default;
};

enum class PartKind : uint8_t { think, answer };

struct PartDelta {
  PartKind kind = PartKind::answer;
  std::string text;  // whole UTF-8 code points
  int tokens = 0;    // of this part so far
  bool operator==(const PartDelta&) const = default;
};

// The thought is over: by itself, by budget, at the person's wish, or because it went in circles.
struct ThoughtEnded {
  enum class Why : uint8_t { model, budget, person, repeating } why = Why::model;
  bool operator==(const ThoughtEnded&) const = default;
};

struct PromptProgress {
  int done = 0, total = 0;  // prompt tokens; cached ones count as done
  int cached = 0;
  int turnsLeftOut = 0;  // oldest turns that did not fit the context
  bool operator==(const PromptProgress&) const = default;
};

enum class StopReason : uint8_t { end, stop, length, context, cancelled, error };
const char* name(StopReason reason);

struct Finished {
  StopReason reason = StopReason::end;
  int promptTokens = 0, cachedTokens = 0, thinkTokens = 0, answerTokens = 0;
  int contextUsed = 0, contextSize = 0;
  int turnsLeftOut = 0;
  int guessedTokens = 0, acceptedTokens = 0;  // guesses that the model checked, and those that became text
  int computedTokens = 0;                     // rows that went through the model, prompt and wrong guesses included
  double ttftMs = 0, promptTps = 0, genTps = 0, thinkMs = 0, totalMs = 0;
  uint64_t seed = 0;
  bool operator==(const Finished&) const = default;
};

struct Failed {
  Error error;
  bool operator==(const Failed&) const = default;
};

using StreamEvent = std::variant<PromptProgress, PartDelta, ThoughtEnded, Finished, Failed>;

struct ModelInfo {
  std::string id;  // content identity: hash of header, tensor table and size; the same file anywhere has the same id
  std::string path, name, architecture, licence, quantisation;
  uint64_t fileBytes = 0, parameters = 0, activeParameters = 0;
  uint64_t memoryBytes = 0;  // what it takes beside its file; 0 where no weights were loaded
  int contextTrained = 0, contextSize = 0, vocabulary = 0, layers = 0, embedding = 0;
  bool thinksByItself = false;  // its template says so; otherwise it is led
  bool hasTemplate = false, hasTokenizer = false;
  std::string templateHash;
  std::string templateNotice;  // one sentence where its template cannot be used; then a built-in one is
  SamplerSettings recommended;
};

}  // namespace lemma
