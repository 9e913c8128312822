#include "storage/export/transfer.h"

namespace lemma::storage {

Result<std::string> exportConversations(Store& store, std::span<const ConversationId> which, const ExportHead& head) {
  std::vector<ConversationId> ids(which.begin(), which.end());
  if (ids.empty()) {
    STORE_TRY(all, store.conversations());
    for (const Conversation& c : all) ids.push_back(c.id);
  }
  std::vector<std::string> lines;
  for (const ConversationId id : ids) {
    STORE_TRY(tree, store.tree(id));
    lines.push_back(toJson(tree));
  }
  return conversationsFile(lines, head);
}

}  // namespace lemma::storage
