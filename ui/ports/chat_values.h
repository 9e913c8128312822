// The values that cross the window's border: conversations, messages, parts, counts.
// Owner: ui; app translates its own types into these, one file a port. Plain values, compared by content.
// Ids are UUIDs as text, times are UTC milliseconds, durations are milliseconds, texts are whole code points.
#pragma once

#include <QList>
#include <QString>

namespace lemma::ui {

enum class Role { User, Assistant };

// Streaming: tokens may still come. Stopped: the person stopped it. Interrupted: the program ended in mid-stream.
enum class MessageState { Streaming, Complete, Stopped, Interrupted, Failed };

enum class PartKind { Think, Answer, Error };

// Why a thought ended: the model closed it, the budget was used up, or the person asked for the answer.
enum class ThoughtEnd { Model, Budget, Person };

struct Part {
  PartKind kind = PartKind::Answer;
  QString text;                  // Error: one sentence, what happened and what to do next
  QString details;               // Error: technical text behind a click; may be empty
  int tokens = 0;                // Think, Answer
  qint64 durationMs = 0;         // Think: how long it took; 0 = unknown
  bool templateRefused = false;  // Error: the model's chat template refused; the built-in format may answer
  bool operator==(const Part&) const = default;
};

// Measured with one answer. Zero means "not measured", and then the figure is not shown.
struct AnswerStats {
  double tokensPerSecond = 0;        // generation only
  double promptTokensPerSecond = 0;  // prompt tokens really computed
  double firstTokenMs = 0;           // from send() to the first token of thought or answer
  int promptTokens = 0;
  int cachedTokens = 0;  // of promptTokens, taken from the cache
  int answerTokens = 0;
  int thinkTokens = 0;
  bool operator==(const AnswerStats&) const = default;
};

struct Message {
  QString id;
  Role role = Role::User;
  MessageState state = MessageState::Complete;
  QList<Part> parts;  // in the order in which they were written; a question has one Answer part with its text
  qint64 createdMs = 0;
  QString modelName;     // Assistant: who answered
  AnswerStats stats;     // Assistant
  int turnsLeftOut = 0;  // Assistant: oldest turns that did not fit into the prompt
  int version = 1;       // 1-based place among the siblings (answers to the same question)
  int versions = 1;
  bool builtinFormat = false;  // Assistant: asked in the built-in format, not by the model's chat template
  bool operator==(const Message&) const = default;
};

struct Conversation {
  QString id;
  QString title;         // empty: the window shows "New conversation"
  qint64 updatedMs = 0;  // the sidebar sorts and groups by it
  bool operator==(const Conversation&) const = default;
};

// How long the model may think before it answers.
struct Effort {
  enum class Level { Off, Low, Medium, High, Max, Tokens };
  Level level = Level::Medium;
  int tokens = 0;  // Level::Tokens only
  bool operator==(const Effort&) const = default;
};

struct SendOptions {
  Effort effort;
  bool builtinFormat = false;  // in place of the model's chat template
  bool operator==(const SendOptions&) const = default;
};

}  // namespace lemma::ui
