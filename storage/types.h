// What the store holds, as values: conversations, messages with their parts, models. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/ids.h"
#include "storage/settings.h"

namespace lemma::storage {

struct Conversation {
  ConversationId id;
  std::string title;
  bool titleByPerson = false;  // a title the person gave is never replaced by a made one
  Millis createdAt = 0;
  Millis updatedAt = 0;  // of the last question or answer
  std::optional<Millis> deletedAt;
  std::optional<MessageId> currentLeaf;
  bool operator==(const Conversation&) const = default;
};

enum class Role : uint8_t { system, user, assistant, tool };

enum class MessageState : uint8_t {
  streaming,    // being generated now
  complete,     // the model ended it
  stopped,      // the person or a limit ended it; can be continued
  interrupted,  // the program ended in mid-answer; can be continued
  failed,       // an error part says why; can be continued
};

enum class PartKind : uint8_t {
  text,  // what a person, a system prompt or a tool's caller wrote
  think,
  answer,
  attachment,
  tool,
  error,
};

struct Part {
  PartKind kind = PartKind::text;
  std::string mime = "text/plain";
  std::string text;
  std::string json;  // kind-specific details; empty = none
  std::optional<int64_t> tokens;
  std::optional<Millis> startedAt, endedAt;
  bool operator==(const Part&) const = default;
};

// Known when an answer is over; absent where nothing was measured.
struct AnswerStats {
  std::optional<int64_t> promptTokens, cachedTokens, thinkTokens, answerTokens;
  std::optional<int64_t> contextUsed, contextSize, turnsLeftOut;
  std::optional<uint64_t> seed;
  std::optional<double> ttftMs, thinkMs, totalMs, promptTps, genTps;
  bool operator==(const AnswerStats&) const = default;
};

struct Message {
  MessageId id;
  ConversationId conversation;
  std::optional<MessageId> parent;
  Role role = Role::user;
  MessageState state = MessageState::complete;
  Millis createdAt = 0;
  std::optional<Millis> finishedAt;
  std::string stopReason;
  AnswerStats stats;
  std::string snapshot;  // JSON, see snapshot.h; empty = none
  std::vector<Part> parts;
  std::vector<MessageId> siblings;  // oldest first, itself among them: the branches at this point
  bool operator==(const Message&) const = default;
};

// A conversation as it is shown: the path from the root to the current leaf.
struct Thread {
  Conversation conversation;
  std::vector<Message> messages;
  bool operator==(const Thread&) const = default;
};

// A conversation with all its branches, as it is taken out of a store and put into one. What lies in the bin is no part
// of it, and nothing streams: an answer that does is interrupted here.
struct ConversationTree {
  Conversation conversation;
  std::vector<Message> messages;  // inBranchOrder(); without siblings
  SettingMap settings;            // of the conversation, what deviates
  bool operator==(const ConversationTree&) const = default;
};

// A growing answer: text that follows what is there. Another kind than the last part's begins a new part.
struct DraftDelta {
  PartKind kind = PartKind::answer;
  std::string text;    // whole UTF-8 code points
  int64_t tokens = 0;  // in this text
  Millis at = 0;       // when it was generated
};

struct ModelPlace {
  std::string path;
  Millis lastSeen = 0;
  bool present = true;
  bool operator==(const ModelPlace&) const = default;
};

struct ModelRecord {
  std::string id;  // content id: hash of header, tensor table and size
  std::string name, architecture;
  uint64_t bytes = 0;
  std::string json;  // details for the list of models; empty = none
  Millis lastUsed = 0;
  std::vector<ModelPlace> places;  // last seen first
  bool operator==(const ModelRecord&) const = default;
};

}  // namespace lemma::storage
