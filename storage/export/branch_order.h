// The order in which a conversation's messages stand in a file: each branch as it was talked, the older branch first.
// Pure, any thread.
#pragma once

#include <vector>

#include "storage/types.h"

namespace lemma::storage {

// Each message behind the one it follows, siblings by id. Those that hang below no first message (what they follow is
// missing, or follows them) come out of `loose`, by their places in `messages`.
std::vector<Message> inBranchOrder(std::vector<Message> messages, std::vector<size_t>* loose = nullptr);

}  // namespace lemma::storage
