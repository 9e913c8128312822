// What an answer was made with: the model's identity, its template and every setting that held. Kept as JSON with each
// answer, with a schema name and version, so that an answer can be explained and repeated later. Pure values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "storage/result.h"
#include "storage/settings.h"

namespace lemma::storage {

inline constexpr std::string_view kSnapshotSchema = "lemma.answer";
inline constexpr int kSnapshotVersion = 1;

struct AnswerSnapshot {
  std::string modelId;  // content id
  std::string modelName, architecture, quantisation;
  std::string templateHash;
  std::string program;  // name and version of the build that answered
  SettingMap settings;  // every key, resolved
  bool operator==(const AnswerSnapshot&) const = default;
};

std::string toJson(const AnswerSnapshot& snapshot);
Result<AnswerSnapshot> snapshotFromJson(std::string_view json);  // of version 1; a newer one is newerSchema

}  // namespace lemma::storage
