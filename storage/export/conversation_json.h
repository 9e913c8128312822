// Lemma's own file of conversations, schema lemma.conversations/1 (README.md has its shape): written, and read as what
// it is, bytes from a stranger. Pure, any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/export/json_limits.h"
#include "storage/result.h"
#include "storage/types.h"

namespace lemma::storage {

inline constexpr std::string_view kConversationsSchema = "lemma.conversations/1";

struct ExportHead {
  std::string program;  // name and version of the build that wrote it
  Millis at = 0;
};

// One line, without the file around it. Values that no file may hold (a time before 1970, text that is not UTF-8) are
// bent into some that it may, so that everything written can be read.
std::string toJson(const ConversationTree& tree);

// The file, of lines that toJson() made.
Result<std::string> conversationsFile(const std::vector<std::string>& lines, const ExportHead& head);

// What a file holds, each tree in branch order. Limits come before memory; ids are UUIDs that stand there once, parents
// exist and go round in no ring. An error is one sentence that begins with the path of the key: badValue, tooLarge, or
// newerSchema for a later version of the schema. Keys that are not known are passed over.
Result<std::vector<ConversationTree>> conversationsFromFile(std::string_view bytes);

}  // namespace lemma::storage
