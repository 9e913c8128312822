// Whole conversations, with every branch: taken out for a file, and brought in from one.
#include <algorithm>
#include <optional>

#include "storage/export/branch_order.h"
#include "storage/export/conversation_json.h"
#include "storage/message_rows.h"
#include "storage/store.h"

namespace lemma::storage {
namespace {

// 61 bits that follow from a conversation's content (FNV-1a, stirred as SplitMix64 does).
uint64_t contentBits(const std::string& content, uint64_t attempt) {
  uint64_t hash = 0xcbf29ce484222325u ^ attempt;
  for (const char c : content) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9u;
  hash = (hash ^ hash >> 27) * 0x94d049bb133111ebu;
  return (hash ^ hash >> 31) >> 3;
}

// The time of the old id, and behind it the content's bits: `rank` keeps ids of one conversation in their order.
Uuid renewed(const Uuid& old, uint64_t bits, uint64_t rank) {
  Uuid fresh = old;
  uint64_t low = uint64_t(1) << 63 | (bits + rank);
  for (size_t i = 16; i-- > 8; low >>= 8) fresh.bytes[i] = static_cast<uint8_t>(low);
  return fresh;
}

ConversationTree withNewIds(const ConversationTree& tree, uint64_t bits) {
  std::map<MessageId, MessageId> ids;
  for (const Message& m : tree.messages) ids[m.id] = {};
  uint64_t rank = 0;
  for (auto& [old, fresh] : ids) fresh = MessageId(renewed(old, bits, ++rank));
  ConversationTree out = tree;
  out.conversation.id = ConversationId(renewed(tree.conversation.id, bits, 0));
  if (auto& leaf = out.conversation.currentLeaf) leaf = ids.at(*leaf);
  for (Message& m : out.messages) {
    m.id = ids.at(m.id);
    m.conversation = out.conversation.id;
    if (m.parent) m.parent = ids.at(*m.parent);
  }
  return out;
}

void endStreaming(Message& m) {
  m.state = MessageState::interrupted;
  m.finishedAt = m.createdAt;
  for (const Part& p : m.parts) m.finishedAt = std::max(*m.finishedAt, p.endedAt.value_or(0));
}

}  // namespace

Result<ConversationTree> Store::tree(ConversationId id) {
  ConversationTree tree;
  STORE_TRY(conversation, conversationRow(id));
  tree.conversation = std::move(conversation);
  MessagePlaces places;
  STORE_TRY(rows, db_.query(std::string("SELECT ") + kMessageColumns +
                                " FROM message m WHERE m.conversation_id = ? AND m.deleted_at IS NULL ORDER BY m.id",
                            id));
  for (;;) {
    STORE_TRY(row, rows.step());
    if (!row) break;
    STORE_TRY(message, messageOf(rows, db_.path()));
    places.emplace(message.id, tree.messages.size());
    tree.messages.push_back(std::move(message));
  }
  STORE_TRY(parts, db_.query(std::string("SELECT ") + kPartColumns +
                                 " FROM message m JOIN part p ON p.message_id = m.id"
                                 " WHERE m.conversation_id = ? AND m.deleted_at IS NULL ORDER BY m.id, p.seq",
                             id));
  STORE_CHECK(readParts(std::move(parts), db_.path(), places, tree.messages));
  for (Message& m : tree.messages) {
    if (m.state != MessageState::streaming) continue;
    STORE_CHECK(readDrafts(db_, m));
    endStreaming(m);
  }
  tree.messages = inBranchOrder(std::move(tree.messages));  // what follows a deleted message is deleted with it
  auto& leaf = tree.conversation.currentLeaf;
  const auto isLeaf = [&leaf](const Message& m) { return m.id == leaf; };
  if (leaf && std::none_of(tree.messages.begin(), tree.messages.end(), isLeaf)) leaf.reset();
  STORE_TRY(own, settings(Scope::conversation, id.str()));
  tree.settings = std::move(own);
  return tree;
}

Result<ImportReport> Store::importTrees(std::span<const ConversationTree> trees) {
  ImportReport report;
  STORE_TRY(transaction, Transaction::begin(db_));
  Inserts inserts;
  for (const ConversationTree& tree : trees) STORE_CHECK(importTree(tree, inserts, report));
  STORE_CHECK(transaction.commit());
  return report;
}

Result<Store::Holding> Store::holdingOf(const ConversationTree& wanted) {
  STORE_TRY(there, db_.integer("SELECT count(*) FROM conversation WHERE id = ?", wanted.conversation.id));
  if (there > 0) {
    // As a file would show them, which is all that can come back from one.
    STORE_TRY(own, tree(wanted.conversation.id));
    return toJson(own) == toJson(wanted) ? Holding::same : Holding::other;
  }
  for (const Message& m : wanted.messages) {
    STORE_TRY(taken, db_.integer("SELECT count(*) FROM message WHERE id = ?", m.id));
    if (taken > 0) return Holding::other;
  }
  return Holding::absent;
}

Result<void> Store::importTree(const ConversationTree& tree, Inserts& inserts, ImportReport& report) {
  // Most trees are new here: their copy under other ids is only made for those that are not.
  std::optional<ConversationTree> copy;
  for (uint64_t attempt = 0;;) {
    const ConversationTree& wanted = copy ? *copy : tree;
    STORE_TRY(holding, holdingOf(wanted));
    if (holding == Holding::other) {
      copy = withNewIds(tree, contentBits(toJson(tree), ++attempt));
      continue;
    }
    if (holding == Holding::absent) {
      STORE_CHECK(insertTree(wanted, inserts));
      ++(copy ? report.renamed : report.imported);
      return {};
    }
    STORE_CHECK(db_.run("UPDATE conversation SET deleted_at = NULL WHERE id = ? AND deleted_at IS NOT NULL",
                        wanted.conversation.id));
    ++(db_.changes() > 0 ? report.imported : report.skipped);
    return {};
  }
}

Result<void> Store::insertTree(const ConversationTree& tree, Inserts& inserts) {
  const Conversation& c = tree.conversation;
  STORE_CHECK(
      db_.run("INSERT INTO conversation(id, title, title_by_person, created_at, updated_at) VALUES(?, ?, ?, ?, ?)",
              c.id, c.title, c.titleByPerson, c.createdAt, c.updatedAt));
  for (const Message& m : tree.messages) STORE_CHECK(insertMessage(m, inserts));
  if (c.currentLeaf) STORE_CHECK(setLeaf(c.id, c.currentLeaf));
  STORE_CHECK(db_.run("DELETE FROM setting WHERE scope = 'conversation' AND owner = ?", c.id.str()));
  for (const auto& [key, value] : tree.settings)
    STORE_CHECK(db_.run("INSERT INTO setting(scope, owner, key, value) VALUES('conversation', ?, ?, ?)", c.id.str(),
                        key, settingToJson(value)));
  return {};
}

}  // namespace lemma::storage
