// From what is stored to what the engine is asked: the turns of a thread and the settings that hold for it.
// Translation only, no state; any thread. The one place where storage's and the engine's types meet for a question.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "engine/api/engine.h"
#include "engine/api/types.h"
#include "storage/settings.h"
#include "storage/snapshot.h"
#include "storage/types.h"

namespace lemma::app {

// "off", "low", "medium", "high", "max" or a number of tokens, as the setting `think` stores it.
ThinkBudget thinkBudget(const storage::SettingValue& value);

// "key=value" as a command line gives it, checked against the setting's range.
storage::Result<std::pair<std::string, storage::SettingValue>> parseSetting(const std::string& pair);

// What a model's file recommends, as the settings layer between the program's own values and the person's.
storage::SettingMap modelFileSettings(const ModelInfo& model);

// Where what was read is parked, and how much disk that may take: the setting `park`, of the person or of this run.
ParkingOptions parkingOptions(const std::string& folder, const storage::SettingMap& person,
                              const storage::SettingMap& run);

// Turns up to, but not including, `answer`: thoughts are left out, and questions whose answer has no words are joined
// with the next one, because many templates refuse two questions in a row. Where `answer` already holds text, the
// request goes on from it.
ChatRequest chatRequest(const storage::Thread& thread, const storage::MessageId& answer,
                        const storage::ResolvedSettings& settings);

// The same with `draft` as the last question, for the context meter.
ChatRequest draftRequest(const storage::Thread& thread, const std::string& draft,
                         const storage::ResolvedSettings& settings);

storage::AnswerSnapshot answerSnapshot(const ModelInfo& model, const storage::ResolvedSettings& settings);

// A title for a conversation, made from its first question: its first line, cut at a word.
std::string titleFrom(const std::string& question);

}  // namespace lemma::app
