// A file's conversations into a store: both steps of the way back.
#pragma once

#include <string_view>

#include "storage/export/conversation_json.h"
#include "storage/store.h"

namespace lemma::storage {

inline Result<ImportReport> importConversations(Store& store, std::string_view bytes) {
  STORE_TRY(trees, conversationsFromFile(bytes));
  return store.importTrees(trees);
}

}  // namespace lemma::storage
