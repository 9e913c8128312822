#include "storage/export/branch_order.h"

#include <algorithm>
#include <map>
#include <optional>

namespace lemma::storage {

std::vector<Message> inBranchOrder(std::vector<Message> messages, std::vector<size_t>* loose) {
  std::map<std::optional<MessageId>, std::vector<size_t>> children;
  for (size_t i = 0; i < messages.size(); ++i) children[messages[i].parent].push_back(i);
  // The last to be taken lies in front.
  for (auto& [parent, places] : children)
    std::sort(places.begin(), places.end(), [&](size_t a, size_t b) { return messages[a].id > messages[b].id; });
  std::vector<size_t> waiting = children[std::nullopt];
  std::vector<Message> ordered;
  ordered.reserve(messages.size());
  std::vector<bool> taken(messages.size());
  while (!waiting.empty()) {
    const size_t at = waiting.back();
    waiting.pop_back();
    taken[at] = true;
    if (const auto below = children.find(messages[at].id); below != children.end())
      waiting.insert(waiting.end(), below->second.begin(), below->second.end());
    ordered.push_back(std::move(messages[at]));
  }
  if (loose)
    for (size_t i = 0; i < taken.size(); ++i)
      if (!taken[i]) loose->push_back(i);
  return ordered;
}

}  // namespace lemma::storage
