// Conversations out of a store into a file's bytes. The thread that owns the store. The way back has two steps, as the
// first needs no store: conversationsFromFile() on any thread, then Store::importTrees().
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "storage/export/conversation_json.h"
#include "storage/store.h"

namespace lemma::storage {

// Those named; no names: all that are not in the bin, newest first.
Result<std::string> exportConversations(Store& store, std::span<const ConversationId> which, const ExportHead& head);

}  // namespace lemma::storage
