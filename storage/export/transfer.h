// Conversations out of a store into a file's bytes, and back. The thread that owns the store.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "storage/export/conversation_json.h"
#include "storage/store.h"

namespace lemma::storage {

// Those named; no names: all that are not in the bin, newest first.
Result<std::string> exportConversations(Store& store, std::span<const ConversationId> which, const ExportHead& head);

// Everything the file holds, or nothing.
Result<ImportReport> importConversations(Store& store, std::string_view bytes);

}  // namespace lemma::storage
