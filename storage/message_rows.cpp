#include "storage/message_rows.h"

#include "storage/names.h"

namespace lemma::storage {
namespace {

std::optional<double> realOr(const Statement& row, int column) {
  if (row.isNull(column)) return std::nullopt;
  return row.real(column);
}

}  // namespace

Result<Message> messageOf(const Statement& row, const std::string& path) {
  const auto id = row.uuid(0);
  const auto conversation = row.uuid(1);
  const auto role = named<Role>(kRoleNames, row.text(3));
  const auto state = named<MessageState>(kStateNames, row.text(4));
  if (!id || !conversation || !role || !state)
    return fail(Err::damaged,
                "The database " + path + " is damaged (a message row makes no sense); it was left as it is.");
  Message m;
  m.id = MessageId(*id);
  m.conversation = ConversationId(*conversation);
  if (auto parent = row.uuid(2)) m.parent = MessageId(*parent);
  m.role = *role;
  m.state = *state;
  m.createdAt = row.integer(5);
  m.finishedAt = row.integerOr(6);
  m.stopReason = row.text(7);
  m.stats.promptTokens = row.integerOr(8);
  m.stats.cachedTokens = row.integerOr(9);
  m.stats.thinkTokens = row.integerOr(10);
  m.stats.answerTokens = row.integerOr(11);
  m.stats.contextUsed = row.integerOr(12);
  m.stats.contextSize = row.integerOr(13);
  m.stats.turnsLeftOut = row.integerOr(14);
  if (auto seed = row.integerOr(15)) m.stats.seed = static_cast<uint64_t>(*seed);
  m.stats.ttftMs = realOr(row, 16);
  m.stats.thinkMs = realOr(row, 17);
  m.stats.totalMs = realOr(row, 18);
  m.stats.promptTps = realOr(row, 19);
  m.stats.genTps = realOr(row, 20);
  m.snapshot = row.text(21);
  return m;
}

Result<void> readParts(Statement rows, const std::string& path, const MessagePlaces& places,
                       std::vector<Message>& messages) {
  for (;;) {
    STORE_TRY(row, rows.step());
    if (!row) return {};
    const auto owner = rows.uuid(0);
    const auto kind = named<PartKind>(kPartKindNames, rows.text(1));
    const auto place = owner ? places.find(MessageId(*owner)) : places.end();
    if (place == places.end() || !kind)
      return fail(Err::damaged,
                  "The database " + path + " is damaged (a part row makes no sense); it was left as it is.");
    messages[place->second].parts.push_back(
        {*kind, rows.text(2), rows.text(3), rows.text(4), rows.integerOr(5), rows.integerOr(6), rows.integerOr(7)});
  }
}

Result<void> readDrafts(Db& db, Message& message) {
  STORE_TRY(rows,
            db.query("SELECT p.seq, d.text FROM part p JOIN part_draft d ON d.part_id = p.id WHERE p.message_id = ?"
                     " ORDER BY p.seq, d.n",
                     message.id));
  for (;;) {
    STORE_TRY(row, rows.step());
    if (!row) return {};
    const auto seq = static_cast<uint64_t>(rows.integer(0));
    if (seq < message.parts.size()) message.parts[seq].text += rows.text(1);
  }
}

}  // namespace lemma::storage
