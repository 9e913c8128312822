// Everything Lemma keeps: conversations, models, settings and its own state, in one SQLite file.
// Owner: one thread opens, uses and destroys a Store, and it holds the only writing connection (StorageThread does
// that). What returns without an error is on the disk; a draft, of which half a second may be lost, is in the kernel's
// hands: a killed program keeps it, a power loss may take it. Text that was finished is never changed; deleting is
// undone by restoring.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "storage/ids.h"
#include "storage/result.h"
#include "storage/salvage/salvage.h"
#include "storage/schema.h"
#include "storage/settings.h"
#include "storage/snapshot.h"
#include "storage/sqlite/db.h"
#include "storage/types.h"

namespace lemma::storage {

struct StoreOptions {
  Clock clock = utcNow;
  std::span<const Migration> migrations = migrationTable();
  bool ownCheckpoints = true;  // at commits; off: logPages() tells who makes them when one is due
  std::string vfs;             // SQLite's file layer by name; empty = its own. Tests put a failing one in between
  bool salvage = false;        // a damaged database: bring over what can be read; off: leave it as it is and fail
  bool checkWhole = false;     // look for damage however large the file is
  bool keepStreaming = false;  // answers that stream go on, as the program did not end
};

struct OpenReport {
  bool created = false;   // there was no database
  bool readOnly = false;  // the file or its folder may not be written: every change fails with readOnly
  std::string notice;     // one sentence for the person, or empty
  std::string backup;     // the verified copy made before a migration, or empty
  int schema = 0;
  int interrupted = 0;                    // answers that were streaming when the program ended; their text is kept
  std::optional<SalvageReport> salvaged;  // the database was damaged and a new one holds what could be read
};

// One question and the answer that will follow. The caller makes the ids, so that it can show both at once.
struct Sending {
  ConversationId conversation;
  bool newConversation = false;
  std::string title;  // of a new conversation
  MessageId question, answer;
  std::vector<Part> parts;          // of the question
  std::optional<MessageId> editOf;  // the question becomes a sibling of this one; otherwise it follows the current leaf
  AnswerSnapshot snapshot;
};

struct Sent {
  Conversation conversation;
  Message question, answer;  // the answer is streaming and has no parts yet
};

// How an answer ended.
struct Sealing {
  MessageId message;
  MessageState state = MessageState::complete;  // anything but streaming
  std::string stopReason;
  AnswerStats stats;
  std::vector<Part> extra;                 // parts after the streamed ones, an error for instance
  std::optional<AnswerSnapshot> snapshot;  // replaces the one from the start, where more is known now
};

// What became of conversations that were to be brought in.
struct ImportReport {
  int imported = 0;  // they were not here, or lay in the bin
  int skipped = 0;   // they are here already, and the same
  int renamed = 0;   // another one has their id, or one of their messages': brought in under new ids
  bool operator==(const ImportReport&) const = default;
};

class Store {
 public:
  // `path`'s folder must exist. Never replaces, shortens or empties a file that is there; with `salvage` a damaged one
  // gets another name first.
  static Result<Store> open(const std::string& path, const StoreOptions& options = {});
  const OpenReport& report() const { return report_; }

  // Conversations
  Result<Conversation> create(ConversationId id, const std::string& title);
  Result<std::vector<Conversation>> conversations();  // not deleted, newest first
  Result<std::vector<Conversation>> bin();            // deleted, last deleted first
  Result<Thread> load(ConversationId id);
  Result<void> rename(ConversationId id, const std::string& title,
                      bool byPerson);       // a made title never replaces a person's
  Result<void> remove(ConversationId id);   // into the bin
  Result<void> restore(ConversationId id);  // undo
  Result<int> purgeBin(
      Millis age);  // for good: what was deleted longer ago than `age`; how many conversations and messages
  static constexpr Millis kBinAge = 30LL * 24 * 3600 * 1000;

  // Messages
  Result<Sent> send(const Sending& sending);  // both in one transaction; generation starts after it
  Result<Thread> regenerate(MessageId answer, MessageId fresh, const AnswerSnapshot& snapshot);  // a sibling, streaming
  Result<void> resume(MessageId answer, const AnswerSnapshot& snapshot);  // Continue: not for complete answers
  Result<void> appendDraft(MessageId answer, std::span<const DraftDelta> deltas);
  Result<bool> isStreaming();  // any answer
  Result<void> seal(const Sealing& sealing);
  Result<Thread> showBranch(MessageId message);      // the newest leaf below `message` becomes the current one
  Result<Thread> removeMessage(MessageId message);   // with all that follows it, into the bin
  Result<Thread> restoreMessage(MessageId message);  // undo; its newest leaf becomes the current one

  // Whole conversations, for export/
  Result<ConversationTree> tree(ConversationId id);
  // All or none. The trees are sound: parents stand before their children, ids are there once. New ids follow from the
  // content, so that what was brought in under them is skipped the next time.
  Result<ImportReport> importTrees(std::span<const ConversationTree> trees);

  // Models
  Result<void> rememberModel(const ModelRecord& model, const std::string& path);  // it was loaded from there just now
  Result<std::vector<ModelRecord>> models();                                      // last used first
  Result<std::optional<ModelRecord>> findModel(const std::string& id);
  Result<std::optional<ModelRecord>> checkPlaces(
      const std::string& id);                       // marks files that are gone or of another size absent
  Result<void> forgetModel(const std::string& id);  // row and settings; never the file

  // Settings: only deviations are stored. `owner`: nothing for the person, else a model's or a conversation's id.
  enum class Scope : uint8_t { person, model, conversation };
  Result<SettingMap> settings(Scope scope, const std::string& owner);
  Result<void> setSetting(Scope scope, const std::string& owner, const std::string& key,
                          const std::optional<SettingValue>& value);  // nullopt: inherit again

  // What the program remembers of itself (last conversation, window, last model): JSON objects that hold a "version".
  Result<std::optional<std::string>> state(const std::string& key);
  Result<void> setState(const std::string& key, const std::string& json);

  bool isDamaged() const { return !db_.damage().empty(); }  // as a call has found; nothing is written any more
  int logPages() const { return db_.logPages(); }  // of the write-ahead log at the last commit, without ownCheckpoints

  Result<void> check();  // reads every page; after `damaged`, here or from any other call, nothing is written any more

 private:
  static Result<Store> openSound(const std::string& path, const StoreOptions& options);
  Store(Db db, Clock clock) : db_(std::move(db)), clock_(std::move(clock)) {}
  Result<std::vector<Conversation>> listWhere(const char* tail);
  Result<Conversation> conversationRow(ConversationId id);
  Result<void> changeConversation(ConversationId id, Result<void> change, Transaction& transaction);
  Result<int> interruptStreaming();
  Result<void> beginAnswer(const Message& answer);
  Result<void> appendDelta(MessageId message, const DraftDelta& delta);
  Result<void> mergeDrafts(MessageId message);
  struct Inserts {  // the statements of one transaction
    std::optional<Statement> message, part;
  };
  Result<void> insertMessage(const Message& message, Inserts& inserts);
  Result<void> insertParts(MessageId message, int64_t firstSeq, std::span<const Part> parts, Inserts& inserts);
  Result<void> setLeaf(ConversationId conversation, const std::optional<MessageId>& leaf);
  Result<ConversationId> makeCurrent(MessageId message);  // the newest leaf below it
  Result<MessageId> newestLeafBelow(ConversationId conversation, MessageId message);
  Result<Message> messageRow(MessageId id);                           // without parts and siblings
  Result<std::vector<MessageId>> siblingsOf(const Message& message);  // itself among them unless deleted
  Result<void> mustStream(MessageId id);
  enum class Holding : uint8_t { absent, same, other };
  Result<Holding> holdingOf(const ConversationTree& tree);
  Result<void> importTree(const ConversationTree& tree, Inserts& inserts, ImportReport& report);
  Result<void> insertTree(const ConversationTree& tree, Inserts& inserts);
  Result<std::vector<ModelRecord>> modelsWhere(const char* condition, const std::string& value);

  Db db_;
  Clock clock_;
  OpenReport report_;
};

}  // namespace lemma::storage
