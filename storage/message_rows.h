// Rows of messages and their parts as values, for the paths and trees that a Store reads. One thread, the store's.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "storage/sqlite/db.h"
#include "storage/types.h"

namespace lemma::storage {

// Of a table named m, for messageOf(); of one named p, for readParts().
inline constexpr char kMessageColumns[] =
    "m.id, m.conversation_id, m.parent_id, m.role, m.state, m.created_at, m.finished_at, m.stop_reason, "
    "m.prompt_tokens, m.cached_tokens, m.think_tokens, m.answer_tokens, m.context_used, m.context_size, "
    "m.turns_left_out, m.seed, m.ttft_ms, m.think_ms, m.total_ms, m.prompt_tps, m.gen_tps, m.snapshot";
inline constexpr char kPartColumns[] =
    "p.message_id, p.kind, p.mime, p.text, p.json, p.tokens, p.started_at, p.ended_at";

// `path`: of the database, for the sentence of a row that makes no sense (damaged).
Result<Message> messageOf(const Statement& row, const std::string& path);

using MessagePlaces = std::map<MessageId, size_t>;  // where each message stands among `messages`

// Rows of kPartColumns, a message's in their order; a part of a message that has no place is damage.
Result<void> readParts(Statement rows, const std::string& path, const MessagePlaces& places,
                       std::vector<Message>& messages);

// What a streaming message has gained since it began to stream, put behind its parts' texts.
Result<void> readDrafts(Db& db, Message& message);

}  // namespace lemma::storage
