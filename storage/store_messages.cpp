// Messages as a tree: asked, streamed, sealed, branched, and read as the path from the root to the current leaf.
#include <map>
#include <nlohmann/json.hpp>

#include "storage/message_rows.h"
#include "storage/names.h"
#include "storage/store.h"

namespace lemma::storage {
namespace {

// ?1: a conversation. Rows (id, depth), the leaf first. No path is longer than the conversation, so damage that ties
// parents into a ring ends too.
constexpr char kPath[] =
    "WITH RECURSIVE path(id, depth) AS (SELECT current_leaf, 1 FROM conversation WHERE id = ?1 AND current_leaf IS NOT "
    "NULL"
    " UNION ALL SELECT m.parent_id, p.depth + 1 FROM path p JOIN message m ON m.id = p.id WHERE m.parent_id IS NOT NULL"
    " AND p.depth <= (SELECT count(*) FROM message WHERE conversation_id = ?1)) ";

tl::unexpected<Error> noMessage(MessageId id) { return fail(Err::notFound, "There is no message " + id.str() + "."); }

bool continuesText(PartKind kind) { return kind == PartKind::think || kind == PartKind::answer; }

std::optional<std::string_view> orNull(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

std::optional<int64_t> seedBits(const AnswerStats& stats) {
  if (!stats.seed) return std::nullopt;
  return static_cast<int64_t>(*stats.seed);
}

Message freshAnswer(MessageId id, ConversationId conversation, std::optional<MessageId> parent, Millis now,
                    const AnswerSnapshot& snapshot) {
  Message m;
  m.id = id;
  m.conversation = conversation;
  m.parent = parent;
  m.role = Role::assistant;
  m.state = MessageState::streaming;
  m.createdAt = now;
  m.snapshot = toJson(snapshot);
  return m;
}

Result<void> readSiblings(Db& db, ConversationId id, std::vector<Message>& messages) {
  std::map<std::optional<MessageId>, std::vector<MessageId>> children;
  STORE_TRY(
      rows,
      db.query("SELECT parent_id, id FROM message WHERE conversation_id = ? AND deleted_at IS NULL ORDER BY id", id));
  for (;;) {
    STORE_TRY(row, rows.step());
    if (!row) break;
    std::optional<MessageId> parent;
    if (auto p = rows.uuid(0)) parent = MessageId(*p);
    if (auto child = rows.uuid(1)) children[parent].push_back(MessageId(*child));
  }
  for (Message& m : messages) m.siblings = children[m.parent];
  return {};
}

}  // namespace

Result<Thread> Store::load(ConversationId id) {
  Thread thread;
  STORE_TRY(conversation, conversationRow(id));
  thread.conversation = std::move(conversation);
  MessagePlaces places;
  STORE_TRY(rows, db_.query(std::string(kPath) + "SELECT " + kMessageColumns +
                                " FROM path JOIN message m ON m.id = path.id ORDER BY path.depth DESC",
                            id));
  for (;;) {
    STORE_TRY(row, rows.step());
    if (!row) break;
    STORE_TRY(message, messageOf(rows, db_.path()));
    if (!places.emplace(message.id, thread.messages.size()).second)
      return fail(Err::damaged, "The database " + db_.path() +
                                    " is damaged (messages follow one another in a ring); it was left as it is.");
    thread.messages.push_back(std::move(message));
  }
  STORE_TRY(parts, db_.query(std::string(kPath) + "SELECT " + kPartColumns +
                                 " FROM path JOIN part p ON p.message_id = path.id ORDER BY path.depth DESC, p.seq",
                             id));
  STORE_CHECK(readParts(std::move(parts), db_.path(), places, thread.messages));
  for (Message& m : thread.messages) {
    if (m.state != MessageState::streaming) continue;
    STORE_CHECK(readDrafts(db_, m));
    if (report_.readOnly) m.state = MessageState::interrupted;  // nobody streams into a file that cannot be written
  }
  STORE_CHECK(readSiblings(db_, id, thread.messages));
  return thread;
}

Result<Message> Store::messageRow(MessageId id) {
  STORE_TRY(rows, db_.query(std::string("SELECT ") + kMessageColumns + " FROM message m WHERE m.id = ?", id));
  STORE_TRY(row, rows.step());
  if (!row) return noMessage(id);
  return messageOf(rows, db_.path());
}

Result<std::vector<MessageId>> Store::siblingsOf(const Message& message) {
  STORE_TRY(
      rows,
      db_.query(
          "SELECT id FROM message WHERE conversation_id = ? AND parent_id IS ? AND deleted_at IS NULL ORDER BY id",
          message.conversation, message.parent));
  std::vector<MessageId> out;
  for (;;) {
    STORE_TRY(row, rows.step());
    if (!row) return out;
    if (auto id = rows.uuid(0)) out.push_back(MessageId(*id));
  }
}

Result<void> Store::insertMessage(const Message& m, Inserts& inserts) {
  const AnswerStats& stats = m.stats;
  STORE_CHECK(db_.runAgain(
      inserts.message,
      "INSERT INTO message(id, conversation_id, parent_id, role, state, created_at, finished_at, stop_reason,"
      " prompt_tokens, cached_tokens, think_tokens, answer_tokens, context_used, context_size, turns_left_out, seed,"
      " ttft_ms, think_ms, total_ms, prompt_tps, gen_tps, snapshot)"
      " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      m.id, m.conversation, m.parent, name(m.role), name(m.state), m.createdAt, m.finishedAt, orNull(m.stopReason),
      stats.promptTokens, stats.cachedTokens, stats.thinkTokens, stats.answerTokens, stats.contextUsed,
      stats.contextSize, stats.turnsLeftOut, seedBits(stats), stats.ttftMs, stats.thinkMs, stats.totalMs,
      stats.promptTps, stats.genTps, orNull(m.snapshot)));
  return insertParts(m.id, 0, m.parts, inserts);
}

Result<void> Store::insertParts(MessageId message, int64_t firstSeq, std::span<const Part> parts, Inserts& inserts) {
  for (const Part& p : parts) {
    if (!p.json.empty() && !nlohmann::json::accept(p.json))
      return fail(Err::badValue, "The details of a part of message " + message.str() + " are not JSON.");
    STORE_CHECK(db_.runAgain(inserts.part,
                             "INSERT INTO part(message_id, seq, kind, mime, text, json, tokens, started_at, ended_at)"
                             " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                             message, firstSeq++, name(p.kind), p.mime, p.text, orNull(p.json), p.tokens, p.startedAt,
                             p.endedAt));
  }
  return {};
}

Result<void> Store::beginAnswer(const Message& answer) {
  Inserts inserts;
  STORE_CHECK(insertMessage(answer, inserts));
  return db_.run("UPDATE conversation SET current_leaf = ?, updated_at = ? WHERE id = ?", answer.id, answer.createdAt,
                 answer.conversation);
}

Result<Sent> Store::send(const Sending& s) {
  const Millis now = clock_();
  STORE_TRY(transaction, Transaction::begin(db_));
  if (s.newConversation)
    STORE_CHECK(db_.run("INSERT INTO conversation(id, title, created_at, updated_at) VALUES(?, ?, ?, ?)",
                        s.conversation, s.title, now, now));
  STORE_TRY(conversation, conversationRow(s.conversation));
  Message question;
  question.id = s.question;
  question.conversation = s.conversation;
  question.parent = conversation.currentLeaf;
  if (s.editOf) {
    STORE_TRY(edited, messageRow(*s.editOf));
    question.parent = edited.parent;
  }
  question.createdAt = now;
  question.finishedAt = now;
  question.parts = s.parts;
  Inserts inserts;
  STORE_CHECK(insertMessage(question, inserts));
  Message answer = freshAnswer(s.answer, s.conversation, s.question, now, s.snapshot);
  STORE_CHECK(beginAnswer(answer));
  STORE_TRY(siblings, siblingsOf(question));
  question.siblings = std::move(siblings);
  answer.siblings = {answer.id};
  conversation.currentLeaf = s.answer;
  conversation.updatedAt = now;
  STORE_CHECK(transaction.commit());
  return Sent{std::move(conversation), std::move(question), std::move(answer)};
}

Result<Thread> Store::regenerate(MessageId id, MessageId fresh, const AnswerSnapshot& snapshot) {
  STORE_TRY(transaction, Transaction::begin(db_));
  STORE_TRY(old, messageRow(id));
  // Asked for a question it begins that question's next answer.
  const auto parent = old.role == Role::user ? std::optional(old.id) : old.parent;
  STORE_CHECK(beginAnswer(freshAnswer(fresh, old.conversation, parent, clock_(), snapshot)));
  STORE_CHECK(transaction.commit());
  return load(old.conversation);
}

Result<void> Store::resume(MessageId id, const AnswerSnapshot& snapshot) {
  STORE_TRY(transaction, Transaction::begin(db_));
  STORE_TRY(message, messageRow(id));
  if (message.role != Role::assistant || message.state == MessageState::complete ||
      message.state == MessageState::streaming)
    return fail(Err::badValue,
                "The message " + id.str() + " is " + std::string(name(message.state)) + " and cannot be continued.");
  // An error tells why the text ends here, which it no longer does.
  STORE_CHECK(db_.run("DELETE FROM part WHERE message_id = ? AND kind = 'error'", id));
  STORE_CHECK(db_.run(
      "UPDATE message SET state = 'streaming', finished_at = NULL, stop_reason = NULL, snapshot = ? WHERE id = ?",
      toJson(snapshot), id));
  return transaction.commit();
}

Result<void> Store::mustStream(MessageId id) {
  STORE_TRY(message, messageRow(id));
  if (message.state == MessageState::streaming) return {};
  return fail(Err::badValue, "The message " + id.str() + " is " + std::string(name(message.state)) +
                                 "; its text can no longer change.");
}

Result<void> Store::appendDraft(MessageId id, std::span<const DraftDelta> deltas) {
  if (deltas.empty()) return {};
  STORE_TRY(transaction, Transaction::begin(db_, Durability::kill));
  STORE_CHECK(mustStream(id));
  for (const DraftDelta& delta : deltas) STORE_CHECK(appendDelta(id, delta));
  return transaction.commit();
}

Result<void> Store::appendDelta(MessageId id, const DraftDelta& delta) {
  int64_t part = 0, seq = -1;
  bool sameKind = false;
  {
    STORE_TRY(last, db_.query("SELECT id, seq, kind FROM part WHERE message_id = ? ORDER BY seq DESC LIMIT 1", id));
    STORE_TRY(row, last.step());
    if (row) {
      part = last.integer(0);
      seq = last.integer(1);
      sameKind = continuesText(delta.kind) && last.text(2) == name(delta.kind);
    }
  }
  if (!sameKind) {
    const Part fresh{.kind = delta.kind, .mime = "text/markdown", .tokens = 0, .startedAt = delta.at};
    Inserts inserts;
    STORE_CHECK(insertParts(id, seq + 1, std::span(&fresh, 1), inserts));
    part = sqlite3_last_insert_rowid(db_.handle());
  }
  if (!delta.text.empty())
    STORE_CHECK(
        db_.run("INSERT INTO part_draft(part_id, n, text)"
                " SELECT ?1, coalesce(max(n), 0) + 1, ?2 FROM part_draft WHERE part_id = ?1",
                part, delta.text));
  return db_.run("UPDATE part SET tokens = coalesce(tokens, 0) + ?, ended_at = ? WHERE id = ?", delta.tokens, delta.at,
                 part);
}

Result<void> Store::mergeDrafts(MessageId id) {
  std::map<int64_t, std::string> gained;  // by part
  {
    STORE_TRY(
        rows,
        db_.query("SELECT d.part_id, d.text FROM part p JOIN part_draft d ON d.part_id = p.id WHERE p.message_id = ?"
                  " ORDER BY d.part_id, d.n",
                  id));
    for (;;) {
      STORE_TRY(row, rows.step());
      if (!row) break;
      gained[rows.integer(0)] += rows.text(1);
    }
  }
  for (const auto& [part, text] : gained) {
    STORE_TRY(before, db_.text("SELECT text FROM part WHERE id = ?", part));
    STORE_CHECK(db_.run("UPDATE part SET text = ? WHERE id = ?", before + text, part));
    STORE_CHECK(db_.run("DELETE FROM part_draft WHERE part_id = ?", part));
  }
  return {};
}

Result<void> Store::seal(const Sealing& s) {
  if (s.state == MessageState::streaming)
    return fail(Err::badValue, "A message that is sealed cannot go on streaming.");
  const Millis now = clock_();
  STORE_TRY(transaction, Transaction::begin(db_));
  STORE_CHECK(mustStream(s.message));
  STORE_CHECK(mergeDrafts(s.message));
  STORE_TRY(nextSeq, db_.integer("SELECT coalesce(max(seq), -1) + 1 FROM part WHERE message_id = ?", s.message));
  Inserts inserts;
  STORE_CHECK(insertParts(s.message, nextSeq, s.extra, inserts));
  std::optional<std::string> snapshot;
  if (s.snapshot) snapshot = toJson(*s.snapshot);
  STORE_CHECK(db_.run(
      "UPDATE message SET state = ?, finished_at = ?, stop_reason = ?, prompt_tokens = ?, cached_tokens = ?,"
      " think_tokens = ?, answer_tokens = ?, context_used = ?, context_size = ?, turns_left_out = ?, seed = ?,"
      " ttft_ms = ?, think_ms = ?, total_ms = ?, prompt_tps = ?, gen_tps = ?, snapshot = coalesce(?, snapshot)"
      " WHERE id = ?",
      name(s.state), now, orNull(s.stopReason), s.stats.promptTokens, s.stats.cachedTokens, s.stats.thinkTokens,
      s.stats.answerTokens, s.stats.contextUsed, s.stats.contextSize, s.stats.turnsLeftOut, seedBits(s.stats),
      s.stats.ttftMs, s.stats.thinkMs, s.stats.totalMs, s.stats.promptTps, s.stats.genTps, snapshot, s.message));
  STORE_CHECK(
      db_.run("UPDATE conversation SET updated_at = ? WHERE id = (SELECT conversation_id FROM message WHERE id = ?)",
              now, s.message));
  return transaction.commit();
}

Result<bool> Store::isStreaming() {
  STORE_TRY(count, db_.integer("SELECT EXISTS(SELECT 1 FROM message WHERE state = 'streaming')"));
  return count != 0;
}

Result<int> Store::interruptStreaming() {
  std::vector<MessageId> left;
  {
    STORE_TRY(rows, db_.prepare("SELECT id FROM message WHERE state = 'streaming'"));
    for (;;) {
      STORE_TRY(row, rows.step());
      if (!row) break;
      if (auto id = rows.uuid(0)) left.push_back(MessageId(*id));
    }
  }
  if (left.empty()) return 0;
  STORE_TRY(transaction, Transaction::begin(db_));
  for (MessageId id : left) {
    STORE_CHECK(mergeDrafts(id));
    STORE_CHECK(
        db_.run("UPDATE message SET state = 'interrupted', finished_at = coalesce((SELECT max(ended_at) FROM part"
                " WHERE message_id = ?1), created_at) WHERE id = ?1",
                id));
  }
  STORE_CHECK(transaction.commit());
  return static_cast<int>(left.size());
}

Result<MessageId> Store::newestLeafBelow(ConversationId conversation, MessageId message) {
  STORE_TRY(rows,
            db_.query("WITH RECURSIVE below(id) AS (SELECT ?2 UNION SELECT m.id FROM below b JOIN message m"
                      " ON m.conversation_id = ?1 AND m.parent_id = b.id WHERE m.deleted_at IS NULL)"
                      " SELECT id FROM below b WHERE NOT EXISTS (SELECT 1 FROM message c WHERE c.conversation_id = ?1"
                      " AND c.parent_id = b.id AND c.deleted_at IS NULL) ORDER BY id DESC LIMIT 1",
                      conversation, message));
  STORE_TRY(row, rows.step());
  const auto id = row ? rows.uuid(0) : std::nullopt;
  if (!id) return noMessage(message);
  return MessageId(*id);
}

Result<ConversationId> Store::makeCurrent(MessageId id) {
  STORE_TRY(message, messageRow(id));
  STORE_TRY(leaf, newestLeafBelow(message.conversation, id));
  STORE_CHECK(setLeaf(message.conversation, leaf));
  return message.conversation;
}

Result<Thread> Store::showBranch(MessageId id) {
  STORE_TRY(transaction, Transaction::begin(db_));
  STORE_TRY(conversation, makeCurrent(id));
  STORE_CHECK(transaction.commit());
  return load(conversation);
}

Result<Thread> Store::removeMessage(MessageId id) {
  STORE_TRY(transaction, Transaction::begin(db_));
  STORE_TRY(message, messageRow(id));
  const ConversationId conversation = message.conversation;
  STORE_TRY(shown, db_.integer(std::string(kPath) + "SELECT count(*) FROM path WHERE id = ?2", conversation, id));
  STORE_CHECK(db_.run("UPDATE message SET deleted_at = coalesce(deleted_at, ?) WHERE id = ?", clock_(), id));
  if (shown > 0) {
    // What is shown instead: the newest sibling's branch, else what was before the message.
    STORE_TRY(siblings, siblingsOf(message));
    std::optional<MessageId> leaf = message.parent;
    if (!siblings.empty()) {
      STORE_TRY(newest, newestLeafBelow(conversation, siblings.back()));
      leaf = newest;
    }
    STORE_CHECK(setLeaf(conversation, leaf));
  }
  STORE_CHECK(transaction.commit());
  return load(conversation);
}

Result<Thread> Store::restoreMessage(MessageId id) {
  STORE_TRY(transaction, Transaction::begin(db_));
  STORE_CHECK(db_.run("UPDATE message SET deleted_at = NULL WHERE id = ?", id));
  STORE_TRY(conversation, makeCurrent(id));
  STORE_CHECK(transaction.commit());
  return load(conversation);
}

}  // namespace lemma::storage
