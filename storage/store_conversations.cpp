// Conversations as a list: made, named, put into the bin and out of it.
#include "storage/store.h"

namespace lemma::storage {
namespace {

constexpr char kColumns[] =
    "SELECT id, title, title_by_person, created_at, updated_at, deleted_at, current_leaf FROM conversation ";

std::optional<MessageId> messageId(const Statement& row, int column) {
  if (auto id = row.uuid(column)) return MessageId(*id);
  return std::nullopt;
}

Conversation conversationOf(const Statement& row) {
  Conversation c;
  c.id = ConversationId(row.uuid(0).value_or(Uuid{}));
  c.title = row.text(1);
  c.titleByPerson = row.integer(2) != 0;
  c.createdAt = row.integer(3);
  c.updatedAt = row.integer(4);
  c.deletedAt = row.integerOr(5);
  c.currentLeaf = messageId(row, 6);
  return c;
}

tl::unexpected<Error> noConversation(ConversationId id) {
  return fail(Err::notFound, "There is no conversation " + id.str() + ".");
}

}  // namespace

Result<Conversation> Store::create(ConversationId id, const std::string& title) {
  const Millis now = clock_();
  STORE_TRY(transaction, Transaction::begin(db_));
  STORE_CHECK(
      db_.run("INSERT INTO conversation(id, title, created_at, updated_at) VALUES(?, ?, ?, ?)", id, title, now, now));
  STORE_CHECK(transaction.commit());
  return Conversation{.id = id, .title = title, .createdAt = now, .updatedAt = now};
}

Result<std::vector<Conversation>> Store::listWhere(const char* tail) {
  STORE_TRY(rows, db_.prepare(std::string(kColumns) + tail));
  std::vector<Conversation> out;
  for (;;) {
    STORE_TRY(row, rows.step());
    if (!row) return out;
    out.push_back(conversationOf(rows));
  }
}

Result<std::vector<Conversation>> Store::conversations() {
  return listWhere("WHERE deleted_at IS NULL ORDER BY updated_at DESC, id DESC");
}

Result<std::vector<Conversation>> Store::bin() {
  return listWhere("WHERE deleted_at IS NOT NULL ORDER BY deleted_at DESC, id DESC");
}

Result<Conversation> Store::conversationRow(ConversationId id) {
  STORE_TRY(rows, db_.query(std::string(kColumns) + "WHERE id = ?", id));
  STORE_TRY(row, rows.step());
  if (!row) return noConversation(id);
  return conversationOf(rows);
}

Result<void> Store::changeConversation(ConversationId id, Result<void> change, Transaction& transaction) {
  STORE_CHECK(std::move(change));
  if (db_.changes() == 0) return noConversation(id);
  return transaction.commit();
}

Result<void> Store::rename(ConversationId id, const std::string& title, bool byPerson) {
  STORE_TRY(transaction, Transaction::begin(db_));
  STORE_TRY(now, conversationRow(id));
  if (now.titleByPerson && !byPerson) return {};
  return changeConversation(
      id, db_.run("UPDATE conversation SET title = ?, title_by_person = ? WHERE id = ?", title, byPerson, id),
      transaction);
}

Result<void> Store::remove(ConversationId id) {
  STORE_TRY(transaction, Transaction::begin(db_));
  return changeConversation(
      id, db_.run("UPDATE conversation SET deleted_at = coalesce(deleted_at, ?) WHERE id = ?", clock_(), id),
      transaction);
}

Result<void> Store::restore(ConversationId id) {
  STORE_TRY(transaction, Transaction::begin(db_));
  return changeConversation(id, db_.run("UPDATE conversation SET deleted_at = NULL WHERE id = ?", id), transaction);
}

Result<void> Store::setLeaf(ConversationId conversation, const std::optional<MessageId>& leaf) {
  STORE_CHECK(db_.run("UPDATE conversation SET current_leaf = ? WHERE id = ?", leaf, conversation));
  if (db_.changes() == 0) return noConversation(conversation);
  return {};
}

Result<int> Store::purgeBin(Millis age) {
  const Millis before = clock_() - age;
  STORE_TRY(transaction, Transaction::begin(db_));
  int purged = 0;
  STORE_TRY(old, db_.query("SELECT id FROM conversation WHERE deleted_at < ?", before));
  for (;;) {
    STORE_TRY(row, old.step());
    if (!row) break;
    const auto id = old.uuid(0);
    if (!id) continue;
    STORE_CHECK(db_.run("DELETE FROM setting WHERE scope = 'conversation' AND owner = ?", id->str()));
    ++purged;
  }
  STORE_CHECK(db_.run("DELETE FROM conversation WHERE deleted_at < ?", before));
  // One statement for whole subtrees: a parent may only go together with what hangs below it.
  STORE_CHECK(
      db_.run("WITH RECURSIVE gone(id) AS (SELECT id FROM message WHERE deleted_at < ?"
              " UNION SELECT m.id FROM gone g JOIN message p ON p.id = g.id"
              " JOIN message m ON m.conversation_id = p.conversation_id AND m.parent_id = p.id)"
              " DELETE FROM message WHERE id IN (SELECT id FROM gone)",
              before));
  purged += db_.changes();
  STORE_CHECK(transaction.commit());
  return purged;
}

}  // namespace lemma::storage
